import type { VfioError } from '../errors.js';
import type { Handle, Native } from '../native/binding.js';
import { Draft } from '../vfio-user/draft.js';
import { VFIO_USER_NO_REPLY } from '../vfio-user/protocol.js';
import { ReceivedMessages } from '../vfio-user/received-messages.js';
import { toVfioError } from './reports.js';
import { READABLE, WRITABLE } from './watch-events.js';

/** Receives the messages of a {@link Channel}. */
export interface Receiver {
  /**
   * Handles the current message.
   *
   * @returns a promise if the next message must wait for the end of this message; the promise never
   *   rejects
   */
  onMessage(): Promise<void> | undefined;
  /** Called once, unless {@link Channel.close} ends the channel. @param why - null: end of stream */
  onEnd(why: VfioError | null): void;
}

/**
 * A connected socket with vfio-user messages. The messages are handled in the order of arrival. The
 * channel receives nothing while a message waits for another thread, or while the peer does not
 * read the replies. A peer therefore cannot make this process store more than one reply.
 */
export class Channel {
  /** The current message. */
  readonly received = new ReceivedMessages();
  readonly #draft = new Draft();
  readonly #native: Native;
  readonly #fd: number;
  readonly #stream: Handle<'stream'>;
  readonly #watch: Handle<'watch'>;
  readonly #receiver: Receiver;
  #isOpen = true;
  /** Whether the current message waits for its promise. */
  #isBusy = false;
  /** Whether bytes of a reply are queued. */
  #isFull = false;
  #isStopped = false;
  /** The events that are watched; 0 if the watch is stopped. */
  #watched = 0;

  /**
   * @param fd - the connected socket, which the channel closes; if the constructor throws, the caller
   *   closes the socket
   */
  constructor(native: Native, fd: number, receiver: Receiver) {
    this.#native = native;
    this.#fd = fd;
    this.#receiver = receiver;
    this.#stream = native.streamOpen(fd, this.received.buffer);
    try {
      this.#watch = native.watchOpen(fd, () => {
        this.wake();
      });
      this.#watchFor(READABLE);
    } catch (error) {
      // The stream has a reference to the file of the socket.
      native.streamClose(this.#stream);
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Handles the messages that have arrived. The event loop calls this method. */
  wake(): void {
    if (!this.#isOpen || this.#isStopped) return;
    try {
      if (this.#isBusy) {
        this.#watchFor(0);
        return;
      }
      if (this.#isFull && !this.#native.streamFlush(this.#stream)) return;
      this.#isFull = false;
      if (this.received.isLast && !this.#receive()) return;
      this.#handleMessages();
    } catch (error) {
      this.#end(toVfioError(error));
    }
  }

  /** Returns the descriptors of the current message. The caller closes the descriptors. */
  takeFds(): number[] {
    // Descriptors belong to the last received message.
    return this.received.isLast ? this.#native.streamTakeFds(this.#stream) : [];
  }

  closeFds(fds: readonly number[]): void {
    for (const fd of fds) this.#native.close(fd);
  }

  /** Whether the sender of the current message wants a reply. */
  get wantsReply(): boolean {
    return (this.received.flags & VFIO_USER_NO_REPLY) === 0;
  }

  /** Starts a reply to the current message. @param payloadSize - bytes after the header */
  startReply(payloadSize: number): Draft {
    return this.#draft.startReply(this.received, payloadSize);
  }

  /** Starts a reply that reports an error. @param errno - a positive errno */
  startError(errno: number): void {
    this.#draft.startError(this.received, errno);
  }

  /**
   * Sends the reply, if the sender of the current message wants a reply.
   * @param fd - a descriptor to send with the reply, which stays open
   */
  sendReply(fd?: number): void {
    if (!this.#isOpen || !this.wantsReply) return;
    const { bytes, size } = this.#draft;
    const fds = fd === undefined ? undefined : [fd];
    try {
      this.#isFull = !this.#native.streamSend(this.#stream, bytes, size, fds);
    } catch (error) {
      this.#end(toVfioError(error));
    }
  }

  /** Stops the handling of messages. The current message can still be answered. */
  stop(): void {
    this.#isStopped = true;
    this.#watchFor(0);
  }

  /**
   * Answers each message that has arrived with an error, and closes the socket. Without an answer,
   * QEMU 11.1 aborts and the guest is lost. Idempotent.
   *
   * @param errno - a positive errno
   */
  finish(errno: number): void {
    if (!this.#isOpen) return;
    this.stop();
    try {
      this.#native.streamShutDownReceive(this.#stream);
      do {
        while (this.received.next()) {
          this.startError(errno);
          this.sendReply();
        }
      } while (!this.#isFull && this.#receive());
    } catch {
      // The peer has closed its socket, or has violated the protocol.
    }
    this.close();
  }

  /** Closes the socket. Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#native.watchClose(this.#watch);
    this.#native.streamClose(this.#stream);
    this.#native.close(this.#fd);
  }

  /** Receives messages. @returns whether at least one whole message has arrived */
  #receive(): boolean {
    const size = this.#native.streamReceive(this.#stream);
    if (size < 0) this.#end(null);
    if (size > 0) this.received.load(size);
    else this.#watchFor(READABLE);
    return size > 0;
  }

  #handleMessages(): void {
    while (this.#isOpen && !this.#isStopped && !this.#isFull && this.received.next()) {
      const pending = this.#receiver.onMessage();
      if (pending === undefined) continue;
      this.#isBusy = true;
      void pending.then(() => {
        this.#isBusy = false;
        this.#resume();
      });
      return;
    }
    if (this.#isOpen) this.#watchFor(this.#isFull ? WRITABLE : READABLE);
  }

  #resume(): void {
    try {
      this.#handleMessages();
    } catch (error) {
      this.#end(toVfioError(error));
    }
  }

  #watchFor(events: number): void {
    if (this.#isStopped) events = 0;
    if (this.#watched === events || !this.#isOpen) return;
    this.#watched = events;
    if (events === 0) this.#native.watchStop(this.#watch);
    else this.#native.watchStart(this.#watch, events);
  }

  #end(why: VfioError | null): void {
    if (!this.#isOpen) return;
    this.close();
    this.#receiver.onEnd(why);
  }
}
