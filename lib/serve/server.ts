import { EventEmitter } from 'node:events';
import { onAbort } from '../contract/on-abort.js';
import { VfioError } from '../errors.js';
import type { Handle, Native } from '../native/binding.js';
import type { ServeOptions } from './options.js';
import { Reports } from './reports.js';
import { ServedDevice, type ServedDeviceSetup } from './served-device.js';
import { Session } from './session.js';
import { SocketFile } from './socket-file.js';
import { READABLE } from './watch-events.js';

/** Delay in ms before a failed accept(2) is repeated. */
const ACCEPT_RETRY = 100;

/** A client of a {@link DeviceServer}, when its connection was made. */
export interface ServedClient {
  /** Process id. */
  readonly pid: number;
  /** User id. */
  readonly uid: number;
}

/** Events of a {@link DeviceServer}. */
export interface DeviceServerEvents {
  /** A client has connected. */
  client: [client: ServedClient];
  /**
   * A client is gone, and the device is ready for the next client. The argument is the reason, for
   * example `'the client closed its connection'`. If the device cannot be made ready, the server
   * reports the error and closes.
   */
  gone: [why: string];
  /**
   * The client has memory that the client does not share, so the device cannot reach this memory.
   * The argument is an error with the fix as its hint. Emitted once for each client.
   */
  unshared: [error: VfioError];
  /**
   * An error that no reply can contain: a failed posted write, or an exception of a trap or of a
   * device model. At most 10 errors a second are reported. Without a listener, errors are dropped.
   */
  error: [error: Error];
}

/** The options of a server, and the device for the first client. */
export type ServerSetup = ServedDeviceSetup & Pick<ServeOptions, 'socket' | 'once' | 'signal'>;

/**
 * Serves a device to other programs through a Unix socket, by the protocol vfio-user. A VMM such as
 * QEMU (10.1 or newer) gives the device to its guest. One client is served at a time. While a client
 * is served, the server closes the connection of another client, if necessary after the end of the
 * current command.
 */
export class DeviceServer extends EventEmitter<DeviceServerEvents> {
  /** The name of the device. */
  readonly device: string;
  /** The absolute path of the socket. */
  readonly path: string;
  /** Resolves when the server is closed, by {@link close}, by its option `once` or by its signal. */
  readonly closed: Promise<void>;
  readonly #native: Native;
  readonly #setup: ServerSetup;
  readonly #device: ServedDevice;
  #forgetSignal: () => void = () => undefined;
  readonly #socket: SocketFile;
  readonly #watch: Handle<'watch'>;
  readonly #reports = new Reports((error) => {
    if (this.listenerCount('error') > 0) this.#emitLater('error', error);
  });
  #session: Session | null = null;
  /** The end of the last client, while the device is made ready for the next client. */
  #ending: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  #resolveClosed: () => void = () => undefined;

  constructor(native: Native, setup: ServerSetup) {
    super();
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#native = native;
    this.#setup = setup;
    this.device = setup.connection.name;
    this.#socket = new SocketFile(native, setup.socket);
    this.path = this.#socket.path;
    try {
      this.#device = new ServedDevice(native, setup, {
        onRequest: (error) => {
          // If there is a client, the event 'gone' has the reason.
          if (this.#session === null) this.#reports.add(error);
          this.#closeFor('the host requested the device back');
        },
        onError: (error) => {
          this.#reports.add(error);
        },
      });
    } catch (error) {
      this.#socket.close();
      throw error;
    }
    try {
      this.#watch = native.watchOpen(this.#socket.fd, () => {
        this.#accept();
      });
      native.watchStart(this.#watch, READABLE);
    } catch (error) {
      this.#device.close();
      this.#socket.close();
      throw error;
    }
    const { signal } = setup;
    if (signal === undefined) return;
    this.#forgetSignal = onAbort(signal, () => {
      void this.close();
    });
  }

  /**
   * Stops listening, removes the socket file, and ends the client. If the server has opened the
   * device, closes the device. Idempotent; never rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Calls {@link close} at the end of a scope with `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#forgetSignal();
    this.#native.watchClose(this.#watch);
    try {
      this.#socket.close();
    } catch (error) {
      // Another user's folder: the file stays, and the next server replaces the file.
      this.#reports.add(error);
    }
    this.#endSession('the server was closed');
    await this.#ending;
    this.#device.close();
    this.#resolveClosed();
  }

  #accept(): void {
    // The session may not have read the end of the stream of the last client yet. While a command
    // waits for another thread, the session reads nothing, so the next client waits, too.
    const pending = this.#session?.pending;
    if (pending !== undefined) {
      this.#native.watchStop(this.#watch);
      void pending.then(() => {
        this.#listen();
      });
      return;
    }
    if (this.#session?.wake() === false) return;
    const fd = this.#acceptFd();
    if (fd === null) return;
    if (this.#session !== null) {
      this.#native.close(fd);
      return;
    }
    const client = this.#native.socketPeer(fd);
    try {
      this.#session = this.#startSession(fd);
    } catch (error) {
      // The device does not answer, for example because the host has unplugged the device.
      this.#native.close(fd);
      this.#reports.add(error);
      return;
    }
    this.#emitLater('client', client);
  }

  #acceptFd(): number | null {
    try {
      return this.#native.socketAccept(this.#socket.fd);
    } catch (error) {
      // The process has no file descriptor left. The connection stays in the queue of the socket.
      this.#reports.add(error);
      this.#native.watchStop(this.#watch);
      setTimeout(() => {
        this.#listen();
      }, ACCEPT_RETRY).unref();
      return null;
    }
  }

  /** Accepts the next connection. */
  #listen(): void {
    if (this.#closing === null && this.#ending === null) {
      this.#native.watchStart(this.#watch, READABLE);
    }
  }

  #startSession(fd: number): Session {
    return new Session(fd, this.#device.served, {
      onEnd: (why) => {
        this.#endSession(why?.message ?? 'the client closed its connection');
      },
      onUnshared: () => {
        this.#emitLater('unshared', unsharedError(this.path));
      },
      onError: (error) => {
        this.#onError(error);
      },
    });
  }

  #onError(error: unknown): void {
    // After the device was closed, each step of the end of a client would fail with the same error.
    if (this.#device.isClosed) return;
    this.#reports.add(error);
    if (error instanceof VfioError && error.code === 'EBADF' && this.#device.checkClosed()) {
      this.#closeFor('the device was closed');
    }
  }

  /**
   * Emits an event when the running code has ended. If a listener throws, the exception is uncaught,
   * and the end of a client or of the server goes on.
   */
  #emitLater<K extends keyof DeviceServerEvents>(event: K, ...args: DeviceServerEvents[K]): void {
    queueMicrotask(() => {
      (this as EventEmitter).emit(event, ...args);
    });
  }

  /** Ends the client, and closes the server. */
  #closeFor(why: string): void {
    this.#endSession(why);
    void this.close();
  }

  #endSession(why: string): void {
    const session = this.#session;
    if (session === null || this.#ending !== null) return;
    // Further clients wait until the device is ready.
    if (this.#closing === null) this.#native.watchStop(this.#watch);
    const isLast = () => this.#closing !== null || this.#setup.once === true;
    const end = this.#device.endSession(session, isLast);
    const finish = (failure?: unknown) => {
      this.#session = null;
      this.#ending = null;
      if (failure !== undefined || isLast() || this.#device.isLeaving) void this.close();
      else this.#listen();
      this.#emitLater('gone', why);
      if (failure !== undefined) this.#reports.add(failure);
    };
    this.#ending = end.then(() => {
      finish();
    }, finish);
  }
}

function unsharedError(path: string): VfioError {
  return new VfioError({
    code: 'EFAULT',
    message: 'the client does not share its memory, so the device cannot reach the memory',
    path,
    hint:
      'Start QEMU with shared memory: -object memory-backend-memfd,id=mem,size=<size>,share=on ' +
      '-machine memory-backend=mem.',
  });
}
