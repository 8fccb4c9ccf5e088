import type { Message } from '../../../contract/message.js';
import { fail } from './errno.js';
import { MESSAGES } from './platform.js';

/**
 * Address bits of the remappable message format. The message data contains a sub-handle (Intel
 * VT-d, section 5.1.2.2).
 */
const REMAPPABLE = 0x18;
/** Number of handles in an interrupt remapping table of maximum size. */
export const HANDLES = 65536;

/** Interrupt resources of the host. */
export interface InterruptLimits {
  /** Number of handles. Each handle identifies one message. */
  messages: number;
  /** Number of CPU vectors. Each handle with a handler needs one CPU vector. */
  vectors: number;
}

export function defaultInterruptLimits(): InterruptLimits {
  return { messages: HANDLES, vectors: HANDLES };
}

/** The object that stands for a device which sends messages. */
export type Sender = object;

interface Entry {
  readonly sender: Sender;
  handler: (() => void) | null;
  /**
   * Whether an early message becomes pending. An early message arrives before the handle has a
   * handler.
   */
  keepsEarly: boolean;
  pending: boolean;
}

/**
 * Interrupt remapping of an x86 host: a table of handles. Each handle identifies one message of one
 * device. If this device sends the message, the handler of the handle is called. If another device
 * sends the message, interrupt remapping blocks the message, because Linux sets the requester ID of
 * the device in the entry (set_msi_sid()).
 */
export class HostInterrupts {
  readonly #table: (Entry | undefined)[] = [];
  readonly limits: InterruptLimits;
  #connected = 0;
  /** All handles below this handle are in use. */
  #firstFree = 0;

  constructor(messages = HANDLES, vectors = HANDLES) {
    this.limits = { messages, vectors };
  }

  /**
   * Allocates `count` consecutive handles. If fewer handles are available, allocates only the
   * available handles.
   *
   * @param sender - the only device that can send the messages
   * @param keepsEarly - whether an early message becomes pending. An early message arrives before
   *   the handle has a handler. For MSI without mask bits, Linux allocates the CPU vector at once
   *   and replays an early message. For all other messages, Linux allocates the CPU vector when the
   *   handler is set.
   */
  allocate(count: number, sender: Sender, keepsEarly = false): number[] {
    for (let wanted = Math.min(count, this.limits.messages); wanted > 0; wanted--) {
      const first = this.#findFree(wanted);
      if (first === null) continue;
      const handles = Array.from({ length: wanted }, (_, i) => first + i);
      for (const handle of handles) {
        this.#table[handle] = { sender, handler: null, keepsEarly, pending: false };
      }
      return handles;
    }
    return [];
  }

  free(handle: number): void {
    this.disconnect(handle);
    this.#table[handle] = undefined;
    this.#firstFree = Math.min(this.#firstFree, handle);
  }

  /** Sets the handler of a handle. @throws VfioError ENOSPC if no CPU vector is left */
  connect(handle: number, handler: () => void, syscall: string): void {
    const entry = this.#table[handle];
    if (entry === undefined || this.#connected >= this.limits.vectors) {
      return fail('ENOSPC', syscall);
    }
    entry.handler = handler;
    this.#connected++;
    if (entry.pending) handler();
    entry.pending = false;
  }

  disconnect(handle: number): void {
    const entry = this.#table[handle];
    if (entry === undefined || entry.handler === null) return;
    entry.handler = null;
    entry.keepsEarly = false;
    this.#connected--;
  }

  /** Returns the message of a handle. */
  message(handle: number): Message {
    const high = (handle >>> 15) & 1;
    const address = REMAPPABLE | ((handle & 0x7fff) << 5) | (high << 2);
    return { address: MESSAGES.start + BigInt(address), data: 0 };
  }

  /**
   * Whether a memory write to an address is an interrupt message. Memory writes to other addresses
   * are DMA.
   */
  isMessageAddress(address: bigint): boolean {
    return address >= MESSAGES.start && address <= MESSAGES.end;
  }

  /**
   * Calls the handler of a message. If no handle of the sender has the message, interrupt remapping
   * blocks the message.
   */
  deliver({ address, data }: Message, sender: Sender): void {
    const low = Number(address - MESSAGES.start);
    if ((low & REMAPPABLE) !== REMAPPABLE) return;
    const handle = ((low >>> 5) & 0x7fff) | (((low >>> 2) & 1) << 15);
    const entry = this.#table[handle + (data & 0xffff)];
    if (entry?.sender !== sender) return;
    if (entry.handler !== null) entry.handler();
    else entry.pending = entry.keepsEarly;
  }

  #findFree(count: number): number | null {
    while (this.#table[this.#firstFree] !== undefined) this.#firstFree++;
    let free = 0;
    for (let handle = this.#firstFree; handle < this.limits.messages; handle++) {
      free = this.#table[handle] === undefined ? free + 1 : 0;
      if (free === count) return handle - count + 1;
    }
    return null;
  }
}
