import { EventEmitter } from 'node:events';
import {
  checkAccess,
  checkChoice,
  checkFunction,
  checkInstance,
  checkOptions,
  checkValue,
} from '../../checks.js';
import type { Message } from '../../contract/message.js';
import { VfioError } from '../../errors.js';
import { MESSAGE_WORDS, type MessageWord } from '../store/layout.js';
import type { Recognize } from './recognize.js';
import { MessageStore, storeWords, type VectorName } from './store.js';

/** Options of {@link MessageRewriter}. */
export interface MessageRewriterOptions {
  /** The store that contains the private message registers. */
  readonly store: MessageStore;
  /** Finds the vector of a virtual message. */
  readonly recognize: Recognize;
  /**
   * The action for a message that belongs to no vector. `'pass'` writes the message to the device
   * unchanged; `'refuse'` leaves the entry of the device unchanged.
   */
  readonly unmatched: 'pass' | 'refuse';
}

/** Events of a {@link MessageRewriter}. */
export interface MessageRewriterEvents {
  /** A virtual message was completed, and the physical message of its vector was written. */
  rewritten: [entry: number, virtual: Message, source: VectorName];
  /** A virtual message was completed, but belongs to no vector. */
  unmatched: [entry: number, virtual: Message, passed: boolean];
  /** The physical message could not be read, for example because the vector is not requested. */
  failed: [entry: number, virtual: Message, error: VfioError];
}

/** The virtual message of an entry. */
interface Virtual {
  readonly values: Record<MessageWord, number>;
  /**
   * A bit for each byte of a word. The bit is set if the byte was written since the message was
   * last complete.
   */
  readonly written: Record<MessageWord, number>;
}

/**
 * Masks of the bytes that must be written to complete a message. The data of MSI has only 16 bits.
 */
const COMPLETE: Readonly<Record<MessageWord, number>> = {
  addressLow: 0b1111,
  addressHigh: 0b1111,
  data: 0b0011,
};

/**
 * Rewrites accesses of a guest's driver to the private message registers of a device. The driver
 * writes virtual messages, and the device gets the physical messages of the same vectors.
 *
 * A virtual message is complete when all its bytes were written, in any order, or when the driver
 * unmasks the entry. The physical message is written only for a complete virtual message, so no
 * partial message reaches the device. If the physical message changes later, the store updates the
 * entry. A read of a message word returns the virtual word. Accesses to all other words of an entry
 * go to the device.
 *
 * @example
 * const recognize = recognizeMsi(() => guestMsi, 32);
 * const rewriter = new MessageRewriter({ store, recognize, unmatched: 'refuse' });
 * // A VMM calls this for each access that it traps, with the offset from the start of the store:
 * rewriter.write(0x8, 4, 0x4041);
 */
export class MessageRewriter extends EventEmitter<MessageRewriterEvents> {
  readonly #store: MessageStore;
  readonly #recognize: Recognize;
  readonly #unmatched: MessageRewriterOptions['unmatched'];
  readonly #size: number;
  readonly #virtual = new Map<number, Virtual>();

  constructor(options: MessageRewriterOptions) {
    super();
    checkOptions(options, ['store', 'recognize', 'unmatched']);
    const { store, recognize, unmatched } = options;
    checkInstance(store, 'store', MessageStore);
    checkFunction(recognize, 'recognize');
    checkChoice(unmatched, 'unmatched', ['pass', 'refuse']);
    this.#store = store;
    this.#recognize = recognize;
    this.#unmatched = unmatched;
    this.#size = store.entries * store.layout.stride;
  }

  /**
   * Performs a read access of the driver. A word of a message is read from the virtual message. A
   * word that is not part of a message is read from the device.
   *
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
   * Performs a write access of the driver. The caller must split an access of 8 bytes into two
   * accesses of 4 bytes, and write the lower half first.
   *
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

  /** Clears all entries and virtual messages. Call this method if the driver resets the device. */
  reset(): void {
    for (const entry of this.#virtual.keys()) this.#store.clear(entry);
    this.#virtual.clear();
  }

  /**
   * For each complete virtual message, writes the physical message to the device again. Call this
   * method if the virtual message of a vector has changed.
   */
  refresh(): void {
    for (const [entry, virtual] of this.#virtual) {
      if (!isDirty(virtual)) this.#commit(entry, virtual);
    }
  }

  /** Writes a word that is not part of the message. Unmasking an entry completes its message. */
  #writeOther(entry: number, start: number, value: number): void {
    const { mask: bit, stride } = this.#store.layout;
    if (bit?.offset !== start % stride) {
      storeWords.write(this.#store, start, value);
      return;
    }
    const masked = (value & bit.bits) !== 0;
    const virtual = this.#virtual.get(entry);
    // All bits except the mask bit are written first, while the entry is still masked.
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
