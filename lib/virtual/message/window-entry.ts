import type { Message, MessageIndex } from '../../contract/message.js';
import { decodeHigh } from '../store/high-bits.js';
import type { GuestMatch } from './guest-messages.js';
import type { GuestWords } from './guest-words.js';

/** Format of the messages in a window. */
export interface WindowFormat {
  readonly index: MessageIndex;
  /** Mask of the address bits in the high address word. */
  readonly highBits: number;
  /** Number of vectors of the device. */
  readonly vectors: number;
}

/** A write of the guest. `offset` is in bytes from the start of the window. */
export interface GuestWrite {
  readonly offset: number;
  readonly width: 1 | 2 | 4;
  readonly value: number;
}

export const WORD = 4;
/** Numbers of the words of a message: address low, address high, data. */
const HIGH = 1;
const DATA = 2;
/** The data of MSI has only 16 bits. A driver can write only the lower half of the word. */
const LOWER_HALF = 0b0011;

/** The words of a message; a word is undefined if the guest has not written the word. */
export type Words = readonly [
  low: number | undefined,
  high: number | undefined,
  data: number | undefined,
];

/** Three words of the window that begin with the low address of a guest's message. */
export class WindowEntry {
  /** Page and offset of the low address, as one number. */
  readonly address: number;
  readonly page: number;
  /** Bytes from the start of the window. */
  readonly offset: number;
  /** The vector of the message, or null while the message is incomplete. */
  vector: number | null = null;
  /** Whether the words do not belong to a message of the guest. */
  isForeign = false;
  /** Whether the high address word belongs to the guest's message. */
  hasHigh = false;
  /** Whether the device must not send the message, because the message cannot be read. */
  isSilent = false;
  /** Whether the words of the device must change when the page of the entry is selected. */
  isLate = false;
  /** The words that the device contains; undefined if the word of the device is not known. */
  device: Words;
  /** Writes that have not reached the device. */
  held: GuestWrite[] = [];
  /** Whether the device has got a physical message for the entry. */
  wasComplete = false;
  /** A bit for each word that the guest has written since the entry began. */
  #written = 0;

  constructor(address: number, page: number, offset: number, words: GuestWords) {
    this.address = address;
    this.page = page;
    this.offset = offset;
    this.device = readWords(words, address);
  }

  /** Whether a word of the window is a word of this entry. @param address - see {@link address} */
  covers(address: number): boolean {
    return address >= this.address && address < this.address + 3 * WORD;
  }

  /** Records a write of a word. A write of the low address begins a new message. */
  markWritten(word: number): void {
    this.#written = word === 0 ? 1 : this.#written | (1 << word);
  }

  /** Treats the words as if the guest had written all of them now. */
  markAllWritten(): void {
    this.#written = 0b111;
  }

  /**
   * Finds the vector of the words. Words from before the entry began can complete a message, but do
   * not make the entry foreign.
   */
  recognize(
    words: GuestWords,
    guest: GuestMatch | null,
    { index, highBits, vectors }: WindowFormat,
  ): void {
    const [low, highWord, data] = readWords(words, this.address);
    const high = highWord === undefined ? undefined : decodeHigh(highWord, highBits);
    const fresh = (word: number, value: number | undefined) =>
      (this.#written & (1 << word)) === 0 ? undefined : value;
    this.vector = null;
    // MSI has one address. Foreign data therefore does not make the address foreign.
    const freshData = index === 'msix' ? fresh(DATA, data) : undefined;
    this.isForeign =
      guest === null || low === undefined || !guest.has(low, fresh(HIGH, high), freshData);
    if (guest === null || low === undefined || this.isForeign) return;
    this.hasHigh = guest.has(low, high);
    // A driver of a device with MSI can omit the high address. The high address is then 0.
    const knownHigh = index === 'msi' ? (high ?? 0) : high;
    if (data === undefined || knownHigh === undefined) return;
    const vector = guest.vector({ address: (BigInt(knownHigh) << 32n) | BigInt(low), data });
    if (vector !== null && vector < vectors) this.vector = vector;
  }
}

/** Returns the message that the words of a guest contain. */
export function messageOf([low = 0, high = 0, data = 0]: Words, highBits: number): Message {
  return { address: (BigInt(decodeHigh(high, highBits)) << 32n) | BigInt(low), data };
}

/** Returns the words at an address, as the guest wrote the words. */
export function readWords(words: GuestWords, address: number): Words {
  return [
    words.get(address),
    words.get(address + HIGH * WORD),
    words.get(address + DATA * WORD, LOWER_HALF),
  ];
}
