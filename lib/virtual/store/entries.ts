import { checkInteger } from '../../checks.js';
import {
  checkEntryLayout,
  checkLayout,
  entrySize,
  type EntryLayout,
  type SlotLayout,
  wordsOf,
} from './layout.js';

const ENTRIES_MAX = 65536;
const OFFSET_MAX = 2 ** 40;

/** The places of the entries of a store. */
export interface Entries {
  readonly count: number;
  /** Bytes from the start of the store to the end of its last entry. */
  readonly size: number;
  /** Number of bytes from one entry to the next; the size of an entry if the entries have offsets. */
  readonly stride: number;
  /** Offset of each entry in bytes; null if the stride gives the offsets. */
  readonly offsets: readonly number[] | null;
  /**
   * Finds the entry of a word.
   *
   * @param offset - bytes from the start of the store, a multiple of 4
   * @returns the entry, and the offset of the word in the entry; null if the word is between entries
   */
  find(offset: number): { readonly entry: number; readonly within: number } | null;
}

/**
 * Places the entries of a store.
 *
 * @param entries - 1 to 65536 entries: either their number, or an array with the offset of each entry
 *   in bytes from the start of the store. With a number, the layout needs a stride.
 * @throws TypeError or RangeError if the layout is invalid, or entries are misaligned or overlap
 */
export function placeEntries(layout: EntryLayout, entries: number | readonly number[]): Entries {
  return typeof entries === 'number'
    ? placeByStride(layout, entries)
    : placeByList(layout, entries);
}

function placeByStride(layout: EntryLayout, count: number): Entries {
  checkLayout(layout as SlotLayout);
  const { stride } = layout as SlotLayout;
  checkInteger(count, 'entries', 1, ENTRIES_MAX);
  return {
    count,
    size: stride * count,
    stride,
    offsets: null,
    find: (offset) => ({ entry: Math.floor(offset / stride), within: offset % stride }),
  };
}

/** Unlike Array.isArray, this function does not narrow the type of the elements to `any`. */
function checkArray(list: unknown): void {
  if (!Array.isArray(list)) throw new TypeError('entries must be a number or an array of offsets');
}

function placeByList(layout: EntryLayout, list: readonly number[]): Entries {
  checkArray(list);
  checkEntryLayout(layout);
  checkInteger(list.length, 'number of entries', 1, ENTRIES_MAX);
  const stride = entrySize(layout);
  const offsets = [...list];
  const words = new Map<number, { readonly entry: number; readonly within: number }>();
  for (const [entry, offset] of offsets.entries()) {
    checkInteger(offset, `offset of entry ${entry}`, 0, OFFSET_MAX);
    if (offset % 4 !== 0) {
      throw new RangeError(`offset ${offset} of entry ${entry} is not a multiple of 4`);
    }
    for (const within of wordsOf(layout)) {
      const other = words.get(offset + within)?.entry;
      if (other !== undefined) throw new RangeError(`entries ${other} and ${entry} overlap`);
      words.set(offset + within, { entry, within });
    }
  }
  return {
    count: offsets.length,
    size: offsets.reduce((end, offset) => Math.max(end, offset + stride), 0),
    stride,
    offsets,
    find: (offset) => words.get(offset) ?? null,
  };
}
