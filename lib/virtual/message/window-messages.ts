import type { Message } from '../../contract/message.js';
import type { PciDevice } from '../../device/device.js';
import { VfioError } from '../../errors.js';
import { type GuestMatch, type GuestMessages, isTable, matchGuest } from './guest-messages.js';
import { GuestWords } from './guest-words.js';
import { deviceWords } from './physical-words.js';
import type { WindowAccess } from './place.js';
import type { VectorName } from './target.js';
import {
  type GuestWrite,
  messageOf,
  readWords,
  WindowEntry,
  WORD,
  type Words,
  type WindowFormat,
} from './window-entry.js';
import { maskOf } from '../../checks.js';

/** What {@link WindowMessages} needs. */
export interface WindowContext {
  readonly device: PciDevice;
  readonly format: WindowFormat;
  readonly registers: WindowAccess;
  /** Size of the window in bytes. */
  readonly size: number;
  readonly guest: () => GuestMessages;
  /** Returns the page that the window shows. */
  readonly page: () => number;
  readonly rewritten: (offset: number, virtual: Message, source: VectorName) => void;
  readonly failed: (offset: number, virtual: Message, error: VfioError) => void;
}

const ENTRIES_MAX = 65536;
const MESSAGE_SIZE = 3 * WORD;
/** Number of the data word of a message. */
const DATA = 2;
const UNKNOWN: Words = [undefined, undefined, undefined];

/** A write of the guest, and the number of its word in the entry. */
interface CurrentWrite {
  readonly word: number;
  readonly write: GuestWrite;
  /** Whether the whole word must be written, although the guest writes a part of the word. */
  readonly isWhole: boolean;
}

/**
 * The messages in a window: recognizes the messages that the guest writes, and writes the physical
 * messages. An address is a page and an offset as one number.
 */
export class WindowMessages {
  readonly #context: WindowContext;
  readonly #words = new GuestWords();
  readonly #entries = new Map<number, WindowEntry>();
  /**
   * The last table of the guest, and its prepared match. A guest with 2,048 vectors makes each write
   * to the window slow if the whole table is read at each write.
   */
  #table: { readonly messages: GuestMessages; readonly match: GuestMatch | null } | null = null;
  /** The entry whose writes are held. */
  #held: WindowEntry | null = null;

  constructor(context: WindowContext) {
    this.#context = context;
  }

  /** Performs a read access of the guest. */
  read(offset: number, width: 1 | 2 | 4): number {
    const at = offset % WORD;
    const address = this.#context.page() * this.#context.size + offset - at;
    this.#flushUnless(address);
    const word = this.#replaced(address);
    if (word === null) {
      const value = this.#context.registers.load(offset, width);
      return this.#isHeld(address) ? this.#words.overlay(address + at, width, value) : value;
    }
    return ((word >>> (8 * at)) & maskOf(width)) >>> 0;
  }

  /** Performs a write access of the guest. */
  write(write: GuestWrite): void {
    const { offset, width, value } = write;
    const page = this.#context.page();
    const start = offset - (offset % WORD);
    const address = page * this.#context.size + start;
    const guest = this.#match();
    this.#flushUnless(address);
    // If the device contains another word than the guest expects, the whole word is written.
    const isWhole = width < WORD && (this.#isHeld(address) || this.#replaced(address) !== null);
    this.#words.write(address + (offset % WORD), width, value);
    const entry = this.#claim(address, page, start, guest);
    if (entry === null) {
      this.#context.registers.store(offset, width, value);
      return;
    }
    const word = (address - entry.address) / WORD;
    const { vector, isSilent } = entry;
    entry.markWritten(word);
    entry.recognize(this.#words, guest, this.#context.format);
    if (this.#context.format.index === 'msix' && this.#hold(entry, write)) return;
    const error = this.#put(entry, { word, write, isWhole });
    const isNew = word === DATA || entry.vector !== vector || entry.isSilent !== isSilent;
    if (isNew) this.#report(entry, error);
  }

  /** Writes the held words to the device unchanged. */
  flush(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    held.isForeign = true;
    if (held.page === this.#context.page()) {
      this.#pass(held);
      return;
    }
    // The writes wait until the page is selected.
    held.device = UNKNOWN;
    held.isLate = true;
  }

  /** Recognizes the words of the guest again, and writes the physical messages again. */
  refresh(): void {
    this.flush();
    this.#table = null;
    const guest = this.#match();
    if (guest === null) return;
    for (const entry of [...this.#entries.values()]) this.#recognizeAgain(entry, guest);
    for (const [address, word] of this.#words.complete()) {
      if (this.#entries.has(address) || !guest.has(word)) continue;
      const page = Math.floor(address / this.#context.size);
      const entry = this.#begin(address, page, address - page * this.#context.size);
      if (entry !== null) this.#recognizeAgain(entry, guest);
    }
  }

  /** Forgets all words and messages. */
  reset(): void {
    this.#held = null;
    this.#entries.clear();
    this.#words.clear();
  }

  /** Writes the messages that have changed while their page was not selected. */
  pageSelected(): void {
    this.flush();
    const page = this.#context.page();
    for (const entry of [...this.#entries.values()]) {
      if (entry.isLate && entry.page === page) this.#update(entry, true);
    }
  }

  /** Makes the messages of the selected page send nothing. */
  silence(): void {
    const page = this.#context.page();
    for (const { offset, vector, page: own } of this.#entries.values()) {
      if (vector === null || own !== page) continue;
      for (const word of [1, 0, DATA]) this.#context.registers.store(offset + word * WORD, 4, 0);
    }
  }

  /** Updates the entries of a vector, and the entries with only an address. */
  followHost(vector: number | null): void {
    for (const entry of [...this.#entries.values()]) {
      const matches = entry.vector === null || vector === null || entry.vector === vector;
      if (matches && entry !== this.#held) this.#update(entry);
    }
  }

  /**
   * Holds a write of MSI-X until the message is known.
   *
   * @returns whether the write was held or passed
   */
  #hold(entry: WindowEntry, write: GuestWrite): boolean {
    if (entry.vector === null) {
      this.#held = entry;
      entry.held.push(write);
      if (entry.isForeign) this.flush();
      return true;
    }
    if (entry === this.#held) entry.device = UNKNOWN;
    this.#held = null;
    entry.held = [];
    return false;
  }

  /** Writes the held words of an entry to the device unchanged. */
  #pass(entry: WindowEntry): void {
    const writes = entry.held.splice(0);
    // The words of a physical message must be replaced, too.
    if (entry.wasComplete) {
      this.#update(entry);
      return;
    }
    this.#entries.delete(entry.address);
    for (const { offset, width, value } of writes)
      this.#context.registers.store(offset, width, value);
  }

  #flushUnless(address: number): void {
    if (this.#held?.covers(address) === false) this.flush();
  }

  /** Returns the word that the guest wrote, or null if the device contains this word. */
  #replaced(address: number): number | null {
    const entry = this.#entryOf(address);
    if (entry === null) return null;
    const word = (address - entry.address) / WORD;
    const own = readWords(this.#words, entry.address)[word];
    if (own === undefined) return null;
    if (entry === this.#held) return this.#isHeld(address) ? own : null;
    const device = entry.device[word];
    return device === undefined || device === own ? null : own;
  }

  /** Whether a write to a word is held. */
  #isHeld(address: number): boolean {
    const entry = this.#held;
    if (!entry?.covers(address)) return false;
    const at = entry.offset + address - entry.address;
    return entry.held.some(({ offset }) => offset - (offset % WORD) === at);
  }

  /** Returns the entry that contains a word. */
  #entryOf(address: number): WindowEntry | null {
    for (let word = 0; word < MESSAGE_SIZE / WORD; word++) {
      const entry = this.#entries.get(address - word * WORD);
      if (entry !== undefined) return entry;
    }
    return null;
  }

  /** Returns the entry for a word that the guest writes, or null if the word is not in an entry. */
  #claim(
    address: number,
    page: number,
    offset: number,
    guest: GuestMatch | null,
  ): WindowEntry | null {
    const word = this.#words.get(address);
    const begins = guest !== null && word !== undefined && guest.has(word);
    return (begins ? this.#begin(address, page, offset) : null) ?? this.#entryOf(address);
  }

  /** Begins an entry. @returns null if there is no room for the three words of a message */
  #begin(address: number, page: number, offset: number): WindowEntry | null {
    const known = this.#entries.get(address);
    if (known !== undefined) return known;
    const isFree = !this.#entries.has(address + WORD) && !this.#entries.has(address + 2 * WORD);
    if (!isFree || offset > this.#context.size - MESSAGE_SIZE) return null;
    const entry = new WindowEntry(address, page, offset, this.#words);
    if (this.#entries.size >= ENTRIES_MAX) {
      const message = `the window contains more than ${ENTRIES_MAX} messages`;
      this.#fail(
        entry,
        new VfioError({ code: 'ENOSPC', message, path: this.#context.device.name }),
      );
      return null;
    }
    const before = this.#entryOf(address);
    if (before !== null) this.#abandon(before, (address - before.address) / WORD);
    this.#entries.set(address, entry);
    return entry;
  }

  /** Ends an entry, because another message begins at one of its words. */
  #abandon(entry: WindowEntry, word: number): void {
    if (entry === this.#held) {
      this.flush();
      return;
    }
    const own = readWords(this.#words, entry.address);
    const [low, high, data] = entry.device;
    entry.device = [low, word === 1 ? own[1] : high, word === DATA ? own[DATA] : data];
    entry.isForeign = true;
    this.#update(entry);
  }

  #recognizeAgain(entry: WindowEntry, guest: GuestMatch): void {
    entry.markAllWritten();
    entry.recognize(this.#words, guest, this.#context.format);
    if (entry.vector !== null) entry.held = [];
    if (this.#context.format.index === 'msix' && entry.vector === null) entry.isForeign = true;
    this.#update(entry, true);
  }

  /**
   * Writes the words of an entry that have changed. If the page of the entry is not selected, the
   * words are written when the page is selected.
   */
  #update(entry: WindowEntry, isReported = false): void {
    if (entry.page !== this.#context.page()) {
      entry.isLate = true;
      return;
    }
    if (entry.held.length > 0) {
      this.#pass(entry);
      return;
    }
    const before = entry.device;
    const error = this.#put(entry, null);
    const hasChanged = entry.device.some((word, n) => word !== before[n]);
    // The vector of the message was released.
    const isReleased = error?.code === 'ENODATA';
    if (isReported || (hasChanged && !isReleased)) this.#report(entry, error);
  }

  /** Writes the words of an entry, and the word that the guest writes. */
  #put(entry: WindowEntry, current: CurrentWrite | null): VfioError | null {
    const own = readWords(this.#words, entry.address);
    const { words, isSilent, error } = deviceWords(
      this.#context.device,
      this.#context.format,
      entry,
      own,
    );
    // The high word of a silent entry is written first, and the high word of an entry that was
    // silent is written last, because this word can contain an enable bit.
    const order = isSilent ? [1, 0, 2] : entry.isSilent ? [0, 2, 1] : [0, 1, 2];
    for (const word of order) {
      const value = words[word];
      const isCurrent = current?.word === word;
      if (isCurrent && value === own[word] && !current.isWhole) {
        const { write } = current;
        this.#context.registers.store(write.offset, write.width, write.value);
      } else if (value !== undefined && (isCurrent || value !== entry.device[word])) {
        const isHalf = this.#words.get(entry.address + word * WORD) === undefined;
        const width = isHalf && value <= 0xffff ? 2 : WORD;
        this.#context.registers.store(entry.offset + word * WORD, width, value);
      }
    }
    entry.device = words;
    if (entry.vector !== null) entry.wasComplete = true;
    entry.isSilent = isSilent;
    entry.isLate = false;
    if (entry.isForeign) this.#entries.delete(entry.address);
    return error;
  }

  #report(entry: WindowEntry, error: VfioError | null): void {
    const { vector, offset } = entry;
    if (vector === null) return;
    const { index, highBits } = this.#context.format;
    const virtual = messageOf(readWords(this.#words, entry.address), highBits);
    if (error === null) this.#context.rewritten(offset, virtual, { index, vector });
    else this.#fail(entry, error);
  }

  #fail(entry: WindowEntry, error: VfioError): void {
    const words = readWords(this.#words, entry.address);
    this.#context.failed(entry.offset, messageOf(words, this.#context.format.highBits), error);
  }

  #match(): GuestMatch | null {
    const messages = this.#context.guest();
    if (messages !== null && messages === this.#table?.messages) return this.#table.match;
    const match = matchGuest(messages, this.#context.format.index);
    this.#table = isTable(messages) ? { messages, match } : null;
    return match;
  }
}
