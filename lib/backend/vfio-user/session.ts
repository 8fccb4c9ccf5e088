import { Lifetime } from '../../contract/lifetime.js';
import { VfioError } from '../../errors.js';
import type { Native } from '../../native/binding.js';
import { Draft } from '../../vfio-user/draft.js';
import {
  commandName,
  VFIO_USER_COMMAND,
  VFIO_USER_ERROR,
  VFIO_USER_NO_REPLY,
  VFIO_USER_REPLY,
  VFIO_USER_TYPE,
} from '../../vfio-user/protocol.js';
import type { ReceivedMessages } from '../../vfio-user/received-messages.js';
import { Wire } from './wire.js';

/** The time in ms in which a server must answer a command. */
export const ANSWER_TIME = 5000;
/** The time in ms for a command that can reset hardware or pin memory. */
export const LONG_ANSWER_TIME = 60_000;
/** The longest wait in ms without a return to JavaScript, where a worker can be terminated. */
const SLICE = 250;
/** The number of ids of commands. */
const IDS = 2 ** 16;
/** Linux uses errno values below this number. */
const ERRNO_END = 4096;

/** Reads a reply without fields. */
export const ignoreReply = (): void => undefined;

/** Handles a command of the server, and writes the reply. Throws a VfioError for an error reply. */
export type CommandHandler = (command: ReceivedMessages, reply: Draft) => void;

/** A command whose reply the event loop receives. */
interface Pending {
  readonly command: number;
  readonly minimum: number;
  /** Reads the reply. */
  readonly resolve: (reply: ReceivedMessages) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The client's end of a vfio-user connection. Commands of the server are handled while a command
 * waits for its reply, and by the event loop. The server is not trusted: an answer that breaks the
 * protocol, and the absence of an answer, end the session.
 */
export class Session {
  readonly #name: string;
  readonly #onCommand: CommandHandler;
  readonly #wire: Wire;
  readonly #draft = new Draft();
  /** The replies to commands of the server, which can come while a command is being sent. */
  #reply: Draft | undefined;
  readonly #lifetime: Lifetime;
  readonly #gone = new AbortController();
  #why: VfioError | undefined;
  readonly #pending = new Map<number, Pending>();
  #id = 0;
  #command = 0;

  /**
   * @param name - the name of the device, for errors
   * @param fd - the connected socket, which the session closes; if the constructor throws, the caller
   *   closes the socket
   */
  constructor(native: Native, name: string, fd: number, onCommand: CommandHandler) {
    this.#name = name;
    this.#onCommand = onCommand;
    this.#lifetime = new Lifetime('the device is closed', name);
    this.#wire = new Wire(native, fd, () => {
      this.wake();
    });
  }

  /** Aborted after the server has ended the session. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Why the server has ended the session. Undefined if the server has not ended the session. */
  get why(): VfioError | undefined {
    return this.#why;
  }

  /** Whether the server has ended the session. */
  isGone(): boolean {
    return this.#why !== undefined;
  }

  /** Whether the socket has accepted all bytes. */
  get isFlushed(): boolean {
    return this.#wire.isFlushed;
  }

  /** Whether messages that have arrived are not handled yet. */
  get hasUnhandled(): boolean {
    return !this.#wire.received.isLast;
  }

  /** The descriptor of the socket. */
  get fd(): number {
    return this.#wire.fd;
  }

  /** @throws {@link VfioError} EBADF if the session has ended */
  check(): void {
    this.#lifetime.check();
  }

  /**
   * Starts a command. The caller fills the payload.
   *
   * @param payloadSize - bytes
   * @throws {@link VfioError} EBADF if the session has ended; EBUSY if every id belongs to a command
   *   that waits for its reply
   */
  start(command: number, payloadSize: number): Draft {
    this.#lifetime.check();
    if (this.#pending.size === IDS) this.#failBusy(command);
    do this.#id = (this.#id + 1) % IDS;
    while (this.#pending.has(this.#id));
    this.#command = command;
    return this.#draft.startCommand(this.#id, command, payloadSize);
  }

  /**
   * Sends the command and waits for its reply.
   *
   * @param minimum - bytes that the payload of the reply must have
   * @returns the reply, which is valid until the next call
   * @throws {@link VfioError} the errno of an error reply; ETIMEDOUT or EPROTO, which end the
   *   session; EBADF if the server has ended the session
   */
  exchange(minimum: number, time = ANSWER_TIME, fds?: readonly number[]): ReceivedMessages {
    const { received } = this.#wire;
    const id = this.#id;
    const command = this.#command;
    const deadline = performance.now() + time;
    this.#send(deadline, time, fds);
    while (!this.#findReply(id, command)) this.#wait(deadline, time);
    if (!received.isLast) {
      // Commands that came with the reply are handled when the caller has read the reply.
      queueMicrotask(() => {
        this.wake();
      });
    }
    if ((received.flags & VFIO_USER_ERROR) !== 0) throw this.#replyError();
    if (received.payloadSize < minimum) throw this.#end(this.#shortError());
    return received;
  }

  /**
   * Sends the command. The event loop waits for the reply.
   *
   * @param read - reads the reply
   * @param minimum - bytes that the payload of the reply must have
   */
  request<T>(
    read: (reply: ReceivedMessages) => T,
    minimum = 0,
    time = ANSWER_TIME,
    fds?: readonly number[],
  ): Promise<T> {
    const id = this.#id;
    const command = this.#command;
    this.#send(performance.now() + time, time, fds);
    this.#wire.updateWatch();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(this.#end(this.#timeoutError(command, time)));
      }, time);
      const readReply = (reply: ReceivedMessages) => {
        // If read() throws, the inner promise is rejected.
        resolve(
          new Promise((done) => {
            done(read(reply));
          }),
        );
      };
      this.#pending.set(id, { command, minimum, resolve: readReply, reject, timer });
    });
  }

  /** Returns the descriptors of the current reply. The caller closes the descriptors. */
  takeFds(): number[] {
    return this.#wire.takeFds();
  }

  /** Handles the messages that have arrived, without waiting. */
  wake(): void {
    if (!this.#lifetime.isOpen) return;
    try {
      this.#handleAll();
      this.#step(0);
      this.#handleAll();
      this.#wire.updateWatch();
    } catch (error) {
      // The session has ended. The calls that wait for replies have received the error.
      if (!(error instanceof VfioError)) throw error;
    }
  }

  /** Ends the session, and throws the error of a server that breaks the protocol. */
  refuse(message: string): never {
    throw this.#end(this.#protocolError(message));
  }

  /** Closes the socket. Idempotent. @param hint - the hint of later EBADF errors */
  close(hint?: string): void {
    if (!this.#lifetime.end(hint)) return;
    this.#wire.close();
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#lifetime.error());
    }
    this.#pending.clear();
  }

  #send(deadline: number, time: number, fds?: readonly number[]): void {
    while (!this.#wire.isFlushed) {
      this.#handleAll();
      this.#wait(deadline, time);
    }
    try {
      this.#wire.sendCommand(this.#draft, fds);
    } catch (error) {
      throw this.#endBySystem(error);
    }
  }

  /** Waits for the socket, at most until the deadline. */
  #wait(deadline: number, time: number): void {
    const left = deadline - performance.now();
    if (left <= 0) throw this.#end(this.#timeoutError(this.#command, time));
    this.#step(Math.min(Math.ceil(left), SLICE));
  }

  #step(ms: number): void {
    let isOpen;
    try {
      isOpen = this.#wire.wait(ms);
    } catch (error) {
      throw this.#endBySystem(error);
    }
    if (!isOpen) throw this.#endByServer();
  }

  /** Handles messages up to the reply. @returns whether the reply is the current message */
  #findReply(id: number, command: number): boolean {
    const { received } = this.#wire;
    while (this.#wire.next()) {
      const isReply = (received.flags & VFIO_USER_TYPE) === VFIO_USER_REPLY;
      if (isReply && received.id === id && received.command === command) return true;
      this.#handle();
    }
    return false;
  }

  #handleAll(): void {
    while (this.#wire.next()) this.#handle();
  }

  #handle(): void {
    const { received } = this.#wire;
    const type = received.flags & VFIO_USER_TYPE;
    if (type === VFIO_USER_COMMAND) this.#answer();
    else if (type === VFIO_USER_REPLY) this.#complete();
    else this.refuse(`the server sent a message of type ${type}`);
  }

  /** Handles a command of the server, and sends the reply unless the server wants no reply. */
  #answer(): void {
    const { received } = this.#wire;
    const reply = (this.#reply ??= new Draft());
    try {
      this.#onCommand(received, reply);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      reply.startError(received, -error.errno);
    }
    if ((received.flags & VFIO_USER_NO_REPLY) !== 0) return;
    try {
      this.#wire.sendReply(reply);
    } catch (error) {
      throw this.#endBySystem(error);
    }
  }

  /** Handles the reply to a command of {@link request}. */
  #complete(): void {
    const { received } = this.#wire;
    const pending = this.#pending.get(received.id);
    if (pending?.command !== received.command) {
      this.refuse(`the server sent a reply to ${commandName(received.command)} without a command`);
    }
    this.#pending.delete(received.id);
    clearTimeout(pending.timer);
    if ((received.flags & VFIO_USER_ERROR) !== 0) {
      pending.reject(this.#replyError());
    } else if (received.payloadSize >= pending.minimum) {
      pending.resolve(received);
    } else {
      const error = this.#end(this.#shortError());
      pending.reject(error);
      // The session is closed, so no further message may be handled.
      throw error;
    }
  }

  /** Returns the error that the current reply reports. */
  #replyError(): VfioError {
    const { command, errno } = this.#wire.received;
    const isErrno = errno > 0 && errno < ERRNO_END;
    const code = isErrno ? { errno } : { code: 'EIO' };
    return new VfioError({ ...code, syscall: commandName(command), path: this.#name });
  }

  #shortError(): VfioError {
    const { command, payloadSize } = this.#wire.received;
    return this.#protocolError(
      `the reply to ${commandName(command)} has only ${payloadSize} bytes after its header`,
    );
  }

  #failBusy(command: number): never {
    const message = `${IDS} commands wait for their replies`;
    const syscall = commandName(command);
    throw new VfioError({ code: 'EBUSY', message, syscall, path: this.#name });
  }

  #protocolError(message: string): VfioError {
    return new VfioError({ code: 'EPROTO', message, path: this.#name });
  }

  #timeoutError(command: number, time: number): VfioError {
    return new VfioError({
      code: 'ETIMEDOUT',
      message: `the server did not answer within ${time / 1000} s`,
      syscall: commandName(command),
      path: this.#name,
      hint: 'A server in the thread of the client cannot answer: start the server in a process of its own.',
    });
  }

  #endBySystem(error: unknown): unknown {
    if (!(error instanceof VfioError)) return error;
    const { code } = error;
    const isEnd = code === 'EPIPE' || code === 'ECONNRESET';
    return isEnd ? this.#endByServer() : this.#end(error.with({ path: this.#name }));
  }

  /** Ends the session after the server has closed the connection. */
  #endByServer(): VfioError {
    const message = 'the server closed the connection';
    this.#end(new VfioError({ code: 'ECONNRESET', message, path: this.#name }));
    return this.#lifetime.error();
  }

  #end(why: VfioError): VfioError {
    if (!this.#lifetime.isOpen) return why;
    this.#why = why;
    this.close(`The device is gone (${why.message}). Open the device again.`);
    // The listeners of the program do not run in the middle of an access.
    queueMicrotask(() => {
      this.#gone.abort(why);
    });
    return why;
  }
}
