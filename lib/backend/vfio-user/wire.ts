import type { Handle, Native } from '../../native/binding.js';
import type { Draft } from '../../vfio-user/draft.js';
import { ReceivedMessages } from '../../vfio-user/received-messages.js';

const READABLE = 1;
const WRITABLE = 2;

/**
 * A connected socket with vfio-user messages. A thread can wait for the socket. Otherwise, the event
 * loop watches the socket, without keeping the process alive.
 */
export class Wire {
  /** The current message. */
  readonly received = new ReceivedMessages();
  /** The descriptor of the socket. */
  readonly fd: number;
  readonly #native: Native;
  readonly #stream: Handle<'stream'>;
  readonly #watch: Handle<'watch'>;
  #isFlushed = true;
  /**
   * Whether the unsent bytes contain a reply. The wire then receives nothing, so the server cannot
   * make this process store more than one reply.
   */
  #isReplyQueued = false;
  #watched = 0;

  /**
   * @param fd - the connected socket, which the wire closes; if the constructor throws, the caller
   *   closes the socket
   * @param onReady - called by the event loop when the socket is ready
   */
  constructor(native: Native, fd: number, onReady: () => void) {
    this.#native = native;
    this.fd = fd;
    this.#stream = native.streamOpen(fd, this.received.buffer);
    try {
      this.#watch = native.watchOpen(fd, onReady);
      native.watchUnref(this.#watch);
      this.updateWatch();
    } catch (error) {
      // The stream has a reference to the file of the socket.
      native.streamClose(this.#stream);
      throw error;
    }
  }

  /** Whether all bytes are sent. */
  get isFlushed(): boolean {
    return this.#isFlushed;
  }

  /** Sends a command, or queues bytes that the socket does not accept. The queue must be empty. */
  sendCommand({ bytes, size }: Draft, fds?: readonly number[]): void {
    this.#isFlushed = this.#native.streamSend(this.#stream, bytes, size, fds);
  }

  /** Sends or queues a reply. */
  sendReply({ bytes, size }: Draft): void {
    this.#isFlushed = this.#native.streamSend(this.#stream, bytes, size);
    this.#isReplyQueued = !this.#isFlushed;
  }

  /** Moves to the next message that has arrived. @returns false if no message may be handled */
  next(): boolean {
    return !this.#isReplyQueued && this.received.next();
  }

  /**
   * Waits until the socket is ready, and then sends queued bytes and receives messages.
   *
   * @param ms - the longest time in ms
   * @returns whether the connection is open
   */
  wait(ms: number): boolean {
    const events = this.#native.streamWait(this.#stream, this.#events(), ms);
    if ((events & WRITABLE) !== 0) this.#flush();
    return (events & READABLE) === 0 || this.#receive();
  }

  /** Returns the descriptors of the current message. The caller closes the descriptors. */
  takeFds(): number[] {
    // Descriptors belong to the last received message.
    return this.received.isLast ? this.#native.streamTakeFds(this.#stream) : [];
  }

  /** Lets the event loop watch for the events that the wire needs. */
  updateWatch(): void {
    const events = this.#events();
    if (this.#watched === events) return;
    this.#watched = events;
    this.#native.watchStart(this.#watch, events);
  }

  close(): void {
    this.#native.watchClose(this.#watch);
    this.#native.streamClose(this.#stream);
    this.#native.close(this.fd);
  }

  #events(): number {
    if (this.#isReplyQueued) return WRITABLE;
    return this.#isFlushed ? READABLE : READABLE | WRITABLE;
  }

  #flush(): void {
    this.#isFlushed = this.#native.streamFlush(this.#stream);
    if (this.#isFlushed) this.#isReplyQueued = false;
  }

  #receive(): boolean {
    const size = this.#native.streamReceive(this.#stream);
    if (size > 0) this.received.load(size);
    return size >= 0;
  }
}
