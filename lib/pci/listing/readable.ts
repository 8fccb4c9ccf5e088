import { type Listed, type Lister, Place } from './row.js';

/** Replaces the rest of a capability that is past the end of the image. */
export const UNREADABLE = '<unreadable>';

/** Bytes of an image that no capability can exceed. */
const MAX_SIZE = 0x4000;

/**
 * Decodes a capability up to the end of the image. The capability is decoded twice, with the
 * missing bytes as ones and as zeros. The first line that differs depends on missing bytes and ends
 * the list.
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
