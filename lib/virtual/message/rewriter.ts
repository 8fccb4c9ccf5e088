import { EventEmitter } from 'node:events';
import { checkAccess, checkChoice, checkValue } from '../../checks.js';
import type { Message } from '../../contract/message.js';
import { VfioError } from '../../errors.js';
import { MESSAGE_WORDS, type MessageWord } from '../store/layout.js';
import type { Recognize } from './recognize.js';
import { type MessageStore, storeWords, type VectorName } from './store.js';

/** What a {@link MessageRewriter} does, and for which registers. */
export interface MessageRewriterOptions {
  /** The registers it stands before. */
  readonly store: MessageStore;
  /** Which vector a virtual message stands for. */
  readonly recognize: Recognize;
  /**
   * What becomes of a message that stands for no vector: `'pass'`: the device gets it as it is;
   * `'refuse'`: the device keeps what it has.
   */
  readonly unmatched: 'pass' | 'refuse';
}

/** Events of a {@link MessageRewriter}. */
export interface MessageRewriterEvents {
  /** A virtual message is complete; the device has the physical one of the vector. */
  rewritten: [entry: number, virtual: Message, source: VectorName];
  /** A virtual message is complete, and stands for no vector. */
  unmatched: [entry: number, virtual: Message, passed: boolean];
  /** A vector was recognized, and its message could not be read: it is not requested, say. */
  failed: [entry: number, virtual: Message, error: VfioError];
}

interface Virtual {
  readonly values: Record<MessageWord, number>;
  /** Bytes of each word that were written since the tuple was complete, a bit each. */
  readonly written: Record<MessageWord, number>;
}

/** What makes a tuple complete. A message of MSI has 16 bits of data, and may be written as such. */
const COMPLETE: Readonly<Record<MessageWord, number>> = {
  addressLow: 0b1111,
  addressHigh: 0b1111,
  data: 0b0011,
};

/**
 * Stands before the private message registers of a device and lets a consumer, a guest's driver,
 * write the virtual messages it knows. They are held until a tuple is complete: all of it was
 * written, in whichever order and pieces, or the entry is unmasked. So no torn message reaches the
 * device. Then the physical message of the vector it stands for is written instead, and followed by the store.
 * Reads give the virtual words. Other words of an entry go to the device and come from it.
 *
 * @example
 * const rewriter = new MessageRewriter({ store, recognize: recognizeMsi(() => guestMsi, 32), unmatched: 'refuse' });
 * // What a VMM calls for accesses that it traps, offsets from the start of the store:
 * rewriter.write(0x8, 4, 0x4041);
 */
export class MessageRewriter extends EventEmitter<MessageRewriterEvents> {
  readonly #store: MessageStore;
  readonly #recognize: Recognize;
  readonly #unmatched: MessageRewriterOptions['unmatched'];
  readonly #size: number;
  readonly #virtual = new Map<number, Virtual>();

  constructor({ store, recognize, unmatched }: MessageRewriterOptions) {
    super();
    checkChoice(unmatched, 'unmatched', ['pass', 'refuse']);
    this.#store = store;
    this.#recognize = recognize;
    this.#unmatched = unmatched;
    this.#size = store.entries * store.layout.stride;
  }

  /**
   * What the consumer reads: its own words of a message, the device's of all else.
   * @param offset - bytes from the start of the store, aligned to `width`
   */
  read(offset: number, width: 1 | 2 | 4): number {
    const { entry, word, start } = this.#locate(offset, width);
    const value =
      word === null
        ? storeWords.read(this.#store, start)
        : (this.#virtual.get(entry)?.values[word] ?? 0);
    return ((value >>> (8 * (offset - start))) & mask(width)) >>> 0;
  }

  /**
   * What the consumer writes. An access of 8 bytes is two of 4: the lower half first.
   * @param offset - bytes from the start of the store, aligned to `width`
   */
  write(offset: number, width: 1 | 2 | 4, value: number): void {
    const { entry, word, start } = this.#locate(offset, width);
    checkValue(value, width);
    const shift = 8 * (offset - start);
    const merge = (before: number) =>
      ((before & ~(mask(width) << shift)) | ((value & mask(width)) << shift)) >>> 0;
    if (word === null) {
      this.#writeOther(entry, start, merge(storeWords.read(this.#store, start)));
      return;
    }
    const virtual = this.#virtualOf(entry);
    virtual.values[word] = merge(virtual.values[word]);
    virtual.written[word] |= (2 ** width - 1) << (offset - start);
    if (isComplete(virtual)) this.#commit(entry, virtual);
  }

  /** Forgets what was written, for a reset of the device by its consumer. */
  reset(): void {
    for (const entry of this.#virtual.keys()) this.#store.clear(entry);
    this.#virtual.clear();
  }

  /** Looks at the complete messages again, after virtual messages of vectors have changed. */
  refresh(): void {
    for (const [entry, virtual] of this.#virtual) {
      if (!isDirty(virtual)) this.#commit(entry, virtual);
    }
  }

  /** Control words. Whoever unmasks an entry has written all of it that there is to come. */
  #writeOther(entry: number, start: number, value: number): void {
    const { mask: bit, stride } = this.#store.layout;
    if (bit?.offset !== start % stride) {
      storeWords.write(this.#store, start, value);
      return;
    }
    const masked = (value & bit.bits) !== 0;
    const virtual = this.#virtual.get(entry);
    // First the rest of the word, still masked.
    storeWords.write(this.#store, start, (value | bit.bits) >>> 0);
    this.#store.setMask(entry, true);
    if (!masked && virtual !== undefined && isDirty(virtual)) this.#commit(entry, virtual);
    this.#store.setMask(entry, masked);
  }

  #commit(entry: number, virtual: Virtual): void {
    const { addressLow, addressHigh, data } = virtual.values;
    const message = { address: (BigInt(addressHigh) << 32n) | BigInt(addressLow), data };
    for (const word of MESSAGE_WORDS) virtual.written[word] = 0;
    const source = this.#recognize(message);
    const masked = this.#isMasked(entry);
    if (source === null) {
      const passed = this.#unmatched === 'pass';
      if (passed) this.#store.write(entry, message, { masked });
      this.emit('unmatched', entry, message, passed);
      return;
    }
    try {
      this.#store.fill(entry, source, { masked });
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.emit('failed', entry, message, error);
      return;
    }
    this.emit('rewritten', entry, message, source);
  }

  #isMasked(entry: number): boolean {
    const { mask: bit, stride } = this.#store.layout;
    if (bit === undefined) return false;
    return (storeWords.read(this.#store, entry * stride + bit.offset) & bit.bits) !== 0;
  }

  #virtualOf(entry: number): Virtual {
    let virtual = this.#virtual.get(entry);
    if (virtual === undefined) {
      virtual = {
        values: { addressLow: 0, addressHigh: 0, data: 0 },
        written: { addressLow: 0, addressHigh: 0, data: 0 },
      };
      this.#virtual.set(entry, virtual);
    }
    return virtual;
  }

  #locate(
    offset: number,
    width: 1 | 2 | 4,
  ): { entry: number; word: MessageWord | null; start: number } {
    checkChoice(width, 'width', [1, 2, 4]);
    checkAccess(offset, width, this.#size);
    const { layout } = this.#store;
    const start = offset - (offset % 4);
    const within = start % layout.stride;
    const word = MESSAGE_WORDS.find((name) => layout[name] === within) ?? null;
    return { entry: Math.floor(start / layout.stride), word, start };
  }
}

function isComplete({ written }: Virtual): boolean {
  return MESSAGE_WORDS.every((word) => (written[word] & COMPLETE[word]) === COMPLETE[word]);
}

function isDirty({ written }: Virtual): boolean {
  return MESSAGE_WORDS.some((word) => written[word] !== 0);
}

function mask(width: 1 | 2 | 4): number {
  return width === 4 ? 0xffff_ffff : 2 ** (8 * width) - 1;
}
