import { constants } from 'node:os';
import type { ServableDevice } from '../contract/servable-device.js';
import { VfioError } from '../errors.js';
import type { Native } from '../native/binding.js';
import { VFIO_USER_COMMAND, VFIO_USER_TYPE, VFIO_USER_VERSION } from '../vfio-user/protocol.js';
import { answerVersion, formatCapabilities, parseVersion } from '../vfio-user/version.js';
import { Accesses } from './accesses.js';
import { Channel, type Receiver } from './channel.js';
import { Commands, type Parts } from './commands.js';
import { GuestMemory } from './guest-memory.js';
import { Irqs, type IrqTarget } from './irqs.js';
import { toVfioError } from './reports.js';
import type { Traps } from './traps.js';

/** Bytes of the major and the minor version. */
const VERSION_FIELDS = 4;

/** The device that a session serves. */
export interface Served extends Pick<Parts, 'reset'> {
  readonly native: Native;
  readonly connection: ServableDevice;
  /** The traps, the upper layer first. */
  readonly layers: readonly Traps[];
  readonly interrupts: IrqTarget;
  /** Whether the client maps the BARs. */
  readonly mmap: boolean;
}

/** Receives the events of a session. */
export interface SessionEvents {
  /** Called once when the client is gone. @param why - null if the client closed its connection */
  onEnd(why: VfioError | null): void;
  /** Called once if the client maps memory that the client does not share. */
  onUnshared(): void;
  /** Called for an error that no reply can contain. */
  onError(error: unknown): void;
}

/** Serves the device to one client. */
export class Session implements Receiver {
  readonly #events: SessionEvents;
  readonly #channel: Channel;
  readonly #parts: Parts;
  #commands: Commands | null = null;
  /** The command that waits for another thread. */
  #pending: Promise<void> | undefined;
  #hasEnded = false;

  /** @param fd - the socket of the client, which the session closes */
  constructor(fd: number, served: Served, events: SessionEvents) {
    const { native, connection, layers, interrupts, mmap, reset } = served;
    this.#events = events;
    let isUnshared = false;
    const memory = new GuestMemory(native, connection.addressSpace, {
      onLost: () => {
        // The device is just making a DMA transfer, so the session ends afterwards.
        setImmediate(() => {
          this.#end('EFAULT', 'the client has taken mapped memory away');
        });
      },
      onRefused: (error) => {
        events.onError(error);
      },
      onUnshared: () => {
        if (!isUnshared) events.onUnshared();
        isUnshared = true;
      },
    });
    const irqs = new Irqs(native, interrupts, connection.getInfo().numIrqs, (error) => {
      events.onError(error);
    });
    const accesses = new Accesses(connection, layers, mmap);
    this.#parts = { connection, reset, accesses, memory, irqs };
    this.#channel = new Channel(native, fd, this);
  }

  /** The end of the command that waits for another thread; undefined if no command waits. */
  get pending(): Promise<void> | undefined {
    return this.#pending;
  }

  /** Handles the messages, or the end, of the client. @returns whether the client is still there */
  wake(): boolean {
    this.#channel.wake();
    return this.#channel.isOpen;
  }

  /**
   * Ends the session. Waits for the command in progress, and answers further commands with ENODEV.
   * Then turns off DMA, disables the interrupts, and removes the memory of the client.
   */
  async close(turnOffDma: () => void): Promise<void> {
    this.#hasEnded = true;
    this.#channel.stop();
    await this.#pending;
    this.#channel.finish(constants.errno.ENODEV);
    const { irqs, memory } = this.#parts;
    turnOffDma();
    irqs.close();
    for (const error of memory.close()) this.#events.onError(error);
  }

  onMessage(): Promise<void> | undefined {
    const { received } = this.#channel;
    try {
      if ((received.flags & VFIO_USER_TYPE) !== VFIO_USER_COMMAND) {
        this.#end('EPROTO', 'the client sent a reply without a command');
        return undefined;
      }
      if (this.#commands === null) {
        this.#negotiate();
        return undefined;
      }
      const pending = this.#commands.run(received.command);
      return pending === undefined ? undefined : this.#waitFor(pending);
    } catch (error) {
      this.#refuse(error);
      return undefined;
    }
  }

  onEnd(why: VfioError | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    // Such an error is a bug of the server itself.
    if (why?.cause !== undefined) this.#events.onError(why.cause);
    this.#events.onEnd(why);
  }

  #waitFor(command: Promise<void>): Promise<void> {
    const pending = command.then(
      () => {
        this.#pending = undefined;
      },
      (error: unknown) => {
        this.#pending = undefined;
        this.#refuse(error);
      },
    );
    this.#pending = pending;
    return pending;
  }

  /** Handles the first message, which must be the version of the client. */
  #negotiate(): void {
    const { received } = this.#channel;
    const { command, payloadSize } = received;
    if (command !== VFIO_USER_VERSION || payloadSize < VERSION_FIELDS) {
      this.#end('EPROTO', 'the first message of the client is not its version');
      return;
    }
    const data = received.bytes(VERSION_FIELDS, payloadSize - VERSION_FIELDS);
    const own = answerVersion(parseVersion(received.u16(0), received.u16(2), data));
    const capabilities = formatCapabilities(own.capabilities);
    const draft = this.#channel.startReply(VERSION_FIELDS + capabilities.length);
    draft.setU16(0, own.major).setU16(2, own.minor).setBytes(VERSION_FIELDS, capabilities);
    this.#channel.sendReply();
    const { writeMultiple } = own.capabilities;
    this.#commands = new Commands(this.#channel, this.#parts, writeMultiple);
  }

  /** Replies with an error. If the client wants no reply, reports the error. */
  #refuse(error: unknown): void {
    const failure = toVfioError(error);
    const { wantsReply } = this.#channel;
    // An exception of a trap or of a device model is a bug in the program, so the program sees it.
    const isBug = failure !== error;
    // The program has closed the device.
    const isClosed = failure.code === 'EBADF';
    if (!wantsReply || isBug || isClosed) this.#events.onError(error);
    this.#channel.startError(Math.abs(failure.errno));
    this.#channel.sendReply();
  }

  #end(code: string, message: string): void {
    this.#channel.close();
    this.onEnd(new VfioError({ code, message }));
  }
}
