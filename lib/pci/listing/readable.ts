import { type Listed, type Lister, Place } from './row.js';

/** What stands for the rest of a capability that the image has not. */
export const UNREADABLE = '<unreadable>';

/** Longer than anything that a capability can point to. */
const LONGEST = 0x4000;

/**
 * Decodes a capability as far as the image goes. What is missing reads as ones: a line that reads
 * otherwise if it were zeros tells of nothing, and ends the list.
 */
export function decodeReadable(title: string, lister: Lister, place: Place): Listed {
  const listed = lister(place);
  if (!place.pastEnd) return listed;
  const zeros = new Uint8Array(LONGEST);
  zeros.set(place.config);
  const other = lister(new Place(zeros, place.offset, place));
  if (listed.title !== other.title) return { title, lines: [UNREADABLE] };
  const end = listed.lines.findIndex((line, index) => line !== other.lines[index]);
  const lines = end < 0 ? listed.lines : listed.lines.slice(0, end);
  return { title: listed.title, lines: [...lines, UNREADABLE] };
}
