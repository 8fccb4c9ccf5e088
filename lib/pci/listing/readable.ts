import { type Listed, type Lister, Place } from './row.js';

/** The line that replaces the part of a capability past the end of the image. */
export const UNREADABLE = '<unreadable>';

/** An image size in bytes that no capability can exceed. */
const MAX_SIZE = 0x4000;

/**
 * Decodes the part of a capability that is inside the image. The capability is decoded twice, once
 * with ones and once with zeros in place of the missing bytes. A line that differs between the two
 * results depends on missing bytes. The first different line and all further lines are dropped.
 */
export function decodeReadable(title: string, lister: Lister, place: Place): Listed {
  const listed = lister(place);
  if (!place.pastEnd) return listed;
  const zeros = new Uint8Array(MAX_SIZE);
  zeros.set(place.config);
  const other = lister(new Place(zeros, place.offset, place));
  if (listed.title !== other.title) return { title, lines: [UNREADABLE] };
  const end = listed.lines.findIndex((line, index) => line !== other.lines[index]);
  const lines = end < 0 ? listed.lines : listed.lines.slice(0, end);
  return { title: listed.title, lines: [...lines, UNREADABLE] };
}
