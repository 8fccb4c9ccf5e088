import type { Message } from '../../../contract/message.js';
import { fail } from './errno.js';

const FIRST_ADDRESS = 0xfee0_0000n;
const LAST_ADDRESS = 0xfeef_ffffn;
/** Remappable format with a sub-handle in the data (Intel VT-d, section 5.1.2.2). */
const REMAPPABLE = 0x18;
/** Handles of a table of the largest size. */
export const HANDLES = 65536;

/** What the host has of interrupts. */
export interface InterruptLimits {
  /** Handles, which are the messages that there can be. */
  messages: number;
  /** How many of them can have a handler at once: vectors of the CPUs. */
  vectors: number;
}

export function defaultInterruptLimits(): InterruptLimits {
  return { messages: HANDLES, vectors: HANDLES };
}

interface Entry {
  handler: (() => void) | null;
  /** Whether a message without handler is kept, and whether there was one. */
  keeps: boolean;
  pending: boolean;
}

/**
 * Interrupt remapping of an x86 host: a table of handles, each of which is a message that devices
 * can send. Whatever writes a message, from wherever it took it, interrupts.
 */
export class HostInterrupts {
  readonly #table: (Entry | undefined)[] = [];
  readonly limits: InterruptLimits;
  #connected = 0;

  constructor(messages = HANDLES, vectors = HANDLES) {
    this.limits = { messages, vectors };
  }

  /**
   * Neighbouring handles; fewer than asked for if there are no more.
   *
   * @param keeps - a message that comes before the first handler is kept for it. Linux takes a
   *   vector at once for what cannot be masked (MSI without mask bits), and replays what came in;
   *   for all others it takes one with the handler.
   */
  allocate(count: number, keeps = false): number[] {
    for (let wanted = Math.min(count, this.limits.messages); wanted > 0; wanted--) {
      const first = this.#findFree(wanted);
      if (first === null) continue;
      const handles = Array.from({ length: wanted }, (_, i) => first + i);
      for (const handle of handles) {
        this.#table[handle] = { handler: null, keeps, pending: false };
      }
      return handles;
    }
    return [];
  }

  free(handle: number): void {
    this.disconnect(handle);
    this.#table[handle] = undefined;
  }

  /** @throws VfioError ENOSPC if the CPUs have no vector left */
  connect(handle: number, handler: () => void, syscall: string): void {
    const entry = this.#table[handle];
    if (entry === undefined || this.#connected >= this.limits.vectors)
      return fail('ENOSPC', syscall);
    entry.handler = handler;
    this.#connected++;
    if (entry.pending) handler();
    entry.pending = false;
  }

  disconnect(handle: number): void {
    const entry = this.#table[handle];
    if (entry === undefined || entry.handler === null) return;
    entry.handler = null;
    entry.keeps = false;
    this.#connected--;
  }

  message(handle: number): Message {
    const high = (handle >>> 15) & 1;
    const address = REMAPPABLE | ((handle & 0x7fff) << 5) | (high << 2);
    return { address: FIRST_ADDRESS + BigInt(address), data: 0 };
  }

  /** Whether a memory write to that address is a message and not DMA. */
  owns(address: bigint): boolean {
    return address >= FIRST_ADDRESS && address <= LAST_ADDRESS;
  }

  /** A message that is nobody's is blocked by the remapping. */
  deliver({ address, data }: Message): void {
    const low = Number(address - FIRST_ADDRESS);
    if ((low & REMAPPABLE) !== REMAPPABLE) return;
    const handle = ((low >>> 5) & 0x7fff) | (((low >>> 2) & 1) << 15);
    const entry = this.#table[handle + (data & 0xffff)];
    if (entry?.handler) entry.handler();
    else if (entry !== undefined) entry.pending = entry.keeps;
  }

  #findFree(count: number): number | null {
    let free = 0;
    for (let handle = 0; handle < this.limits.messages; handle++) {
      free = this.#table[handle] === undefined ? free + 1 : 0;
      if (free === count) return handle - count + 1;
    }
    return null;
  }
}
