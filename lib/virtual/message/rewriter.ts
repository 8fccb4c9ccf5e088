import { EventEmitter } from 'node:events';
import {
  checkAccess,
  checkChoice,
  checkFunction,
  checkInstance,
  checkOptions,
  checkValue,
  maskOf,
  U32_MAX,
} from '../../checks.js';
import type { Message } from '../../contract/message.js';
import { VfioError } from '../../errors.js';
import { highBits, MESSAGE_WORDS, messageOffset, type MessageWord } from '../store/layout.js';
import type { Recognize } from './recognize.js';
import { MessageStore, type StoreWords, storeWords } from './store.js';
import type { VectorName } from './target.js';
import { messageOf } from './window-entry.js';

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
  /** Whether a message of the entry was completed before. */
  committed: boolean;
}

/** A word of the store. `entry` is null if the word is between two entries. */
interface Place {
  readonly entry: number | null;
  readonly word: MessageWord | null;
  /** Offset of the word in bytes from the start of the store. */
  readonly start: number;
}

/**
 * Rewrites accesses of a guest's driver to the private message registers of a device. The driver
 * writes virtual messages, and the device gets the physical messages of the same vectors.
 *
 * A virtual message is complete when all its bytes were written, in any order, or when the driver
 * unmasks the entry by a word that is not part of the message. The physical message is written only
 * for a complete virtual message, so no partial message reaches the device. If the physical message changes later, the store updates the
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
  readonly #entries: ReturnType<StoreWords['entries']>;
  readonly #virtual = new Map<number, Virtual>();
  /** Offset of each word of the message in an entry. */
  readonly #offsets: Readonly<Record<MessageWord, number>>;
  /** Masks of the bytes that must be written to complete a message. */
  readonly #complete: Readonly<Record<MessageWord, number>>;
  /** Mask of the high address bits in their word. */
  readonly #high: number;

  /** @throws TypeError for an option of a wrong type */
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
    this.#entries = storeWords.entries(store);
    this.#high = highBits(store.layout).bits;
    this.#offsets = {
      addressLow: store.layout.addressLow,
      addressHigh: messageOffset(store.layout, 'addressHigh'),
      data: store.layout.data,
    };
    // The data of MSI has only 16 bits.
    this.#complete = { addressLow: 0b1111, addressHigh: bytesOf(this.#high), data: 0b0011 };
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
      entry === null || word === null
        ? storeWords.read(this.#store, start)
        : (this.#virtual.get(entry)?.values[word] ?? this.#initial(word, start));
    return ((value >>> (8 * (offset - start))) & maskOf(width)) >>> 0;
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
      ((before & ~(maskOf(width) << shift)) | ((value & maskOf(width)) << shift)) >>> 0;
    if (entry === null || word === null) {
      this.#writeOther(entry, start, merge(storeWords.read(this.#store, start)));
      return;
    }
    const virtual = this.#virtualOf(entry);
    const before = virtual.values[word];
    virtual.values[word] = merge(before);
    if (word === 'addressHigh' && this.#isControl(virtual, before)) {
      this.#writeControl(entry, virtual);
      return;
    }
    virtual.written[word] |= (2 ** width - 1) << (offset - start);
    if (this.#isComplete(virtual)) this.#commit(entry, virtual);
    else if (this.#hasMaskInHigh && this.#isMasked(entry, virtual))
      this.#store.setMask(entry, true);
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
  #writeOther(entry: number | null, start: number, value: number): void {
    const { mask: bit } = this.#store.layout;
    if (entry === null || bit === undefined || !this.#isWord(entry, bit.offset, start)) {
      storeWords.write(this.#store, start, value);
      return;
    }
    const masked = this.#readsMasked(value);
    const virtual = this.#virtual.get(entry);
    // All bits except the mask bit are written first, while the entry is still masked.
    const kept = (bit.inverted === true ? value & ~bit.bits : value | bit.bits) >>> 0;
    storeWords.write(this.#store, start, kept);
    this.#store.setMask(entry, true);
    if (!masked && virtual !== undefined && isDirty(virtual)) this.#commit(entry, virtual);
    this.#store.setMask(entry, masked);
  }

  /**
   * Whether a write to the high address word changes only the other bits of the word, and not the
   * message: the address bits are unchanged, and no message has begun.
   */
  #isControl({ values, written, committed }: Virtual, before: number): boolean {
    if (this.#high === U32_MAX || !committed) return false;
    const sameAddress = ((values.addressHigh ^ before) & this.#high) === 0;
    return sameAddress && written.addressLow === 0 && written.data === 0;
  }

  /** Writes the bits of the high address word that do not belong to the address. */
  #writeControl(entry: number, virtual: Virtual): void {
    if (this.#high === U32_MAX) return;
    const start = this.#startOf(entry) + this.#offsets.addressHigh;
    const { mask: bit } = this.#store.layout;
    const kept = this.#high | (this.#hasMaskInHigh ? (bit?.bits ?? 0) : 0);
    const device = storeWords.read(this.#store, start);
    const value = ((device & kept) | (virtual.values.addressHigh & ~kept)) >>> 0;
    storeWords.write(this.#store, start, value);
    if (this.#hasMaskInHigh) this.#store.setMask(entry, this.#isMasked(entry, virtual));
  }

  #commit(entry: number, virtual: Virtual): void {
    const { addressLow, addressHigh, data } = virtual.values;
    const message = messageOf([addressLow, addressHigh, data], this.#high);
    for (const word of MESSAGE_WORDS) virtual.written[word] = 0;
    virtual.committed = true;
    const source = this.#recognize(message);
    const masked = this.#isMasked(entry, virtual);
    if (source === null && this.#unmatched === 'refuse') {
      this.emit('unmatched', entry, message, false);
      return;
    }
    try {
      if (source === null) this.#store.write(entry, message, { masked });
      else this.#store.fill(entry, source, { masked });
      this.#writeControl(entry, virtual);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.emit('failed', entry, message, error);
      return;
    }
    if (source === null) this.emit('unmatched', entry, message, true);
    else this.emit('rewritten', entry, message, source);
  }

  /** Whether the driver has masked an entry. */
  #isMasked(entry: number, virtual: Virtual): boolean {
    const { mask: bit } = this.#store.layout;
    if (bit === undefined) return false;
    if (this.#hasMaskInHigh) return this.#readsMasked(virtual.values.addressHigh);
    return this.#readsMasked(storeWords.read(this.#store, this.#startOf(entry) + bit.offset));
  }

  /** Whether the mask bit of a word masks the entry. */
  #readsMasked(word: number): boolean {
    const { bits = 0, inverted = false } = this.#store.layout.mask ?? {};
    return ((word & bits) !== 0) !== inverted;
  }

  /** Whether the mask bit is in the word of the high address bits. */
  get #hasMaskInHigh(): boolean {
    return this.#store.layout.mask?.offset === this.#offsets.addressHigh;
  }

  #isComplete({ written, committed }: Virtual): boolean {
    const has = (word: MessageWord) =>
      (written[word] & this.#complete[word]) === this.#complete[word];
    // A write of unchanged high address bits is not part of the message.
    const hasHigh = has('addressHigh') || (committed && this.#high !== U32_MAX);
    return has('addressLow') && has('data') && hasHigh;
  }

  #virtualOf(entry: number): Virtual {
    let virtual = this.#virtual.get(entry);
    if (virtual === undefined) {
      const high = this.#initial('addressHigh', this.#startOf(entry) + this.#offsets.addressHigh);
      virtual = {
        values: { addressLow: 0, addressHigh: high, data: 0 },
        written: { addressLow: 0, addressHigh: 0, data: 0 },
        committed: false,
      };
      this.#virtual.set(entry, virtual);
    }
    return virtual;
  }

  /** The value of a message word before the driver writes the word. The address is then 0. */
  #initial(word: MessageWord, start: number): number {
    if (word !== 'addressHigh' || this.#high === U32_MAX) return 0;
    return (storeWords.read(this.#store, start) & ~this.#high) >>> 0;
  }

  #startOf(entry: number): number {
    const { offsets, stride } = this.#entries;
    return offsets === null ? entry * stride : (offsets[entry] ?? 0);
  }

  #isWord(entry: number, within: number, start: number): boolean {
    return this.#startOf(entry) + within === start;
  }

  #locate(offset: number, width: 1 | 2 | 4): Place {
    checkChoice(width, 'width', [1, 2, 4]);
    checkAccess(offset, width, this.#entries.size);
    const start = offset - (offset % 4);
    const found = this.#entries.find(start);
    const word = MESSAGE_WORDS.find((name) => this.#offsets[name] === found?.within) ?? null;
    return { entry: found?.entry ?? null, word, start };
  }
}

function isDirty({ written }: Virtual): boolean {
  return MESSAGE_WORDS.some((word) => written[word] !== 0);
}

/** Returns a bit for each byte of a word in which a mask has bits. */
function bytesOf(bits: number): number {
  return [0, 1, 2, 3].reduce(
    (bytes, n) => (((bits >>> (8 * n)) & 0xff) === 0 ? bytes : bytes | (1 << n)),
    0,
  );
}
