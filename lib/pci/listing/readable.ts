import { type Listed, type Lister, Place } from './row.js';

/** The line that replaces all lines of a capability that are past the end of the image. */
export const UNREADABLE = '<unreadable>';

/** An image size in bytes that is larger than every capability. */
const MAX_SIZE = 0x4000;

/**
 * Decodes only the part of a capability that is inside the image. The function decodes the
 * capability twice. The first decoding fills the missing bytes with ones, and the second decoding
 * with zeros. If a line differs between the two results, the line depends on missing bytes. The
 * result ends before the first line that differs.
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
