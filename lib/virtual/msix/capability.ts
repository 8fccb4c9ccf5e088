import { checkInteger, checkOptions } from '../../checks.js';
import { MSIX_ENTRY_SIZE, pbaSize } from '../../contract/msix-table.js';

const PCI_CAP_ID_MSIX = 0x11;
export const MSIX_CAPABILITY_SIZE = 12;
/**
 * The writable bits of the capability are MSI-X Enable and Function Mask, in the upper byte of
 * Message Control at offset 3.
 */
export const ENABLE = 0x80;
export const FUNCTION_MASK = 0x40;

/** A location in a BAR. */
export interface BarPlace {
  /** Number of the BAR: 0 to 5. */
  readonly bar: number;
  /** Offset in bytes, a multiple of 8. */
  readonly offset: number;
}

/** Size and location of the table and the pending bits of MSI-X. */
export interface MsixShape {
  /** Number of vectors: 1 to 2048. */
  readonly vectors: number;
  /** Location of the table. The table has 16 bytes for each vector. */
  readonly table: BarPlace;
  /** Location of the pending bits: one bit for each vector, rounded up to 8 bytes. */
  readonly pba: BarPlace;
  /** Offset of the next capability in configuration space. Default: none. */
  readonly next?: number | undefined;
}

/**
 * Returns the bytes of the capability after a reset (PCI Express Base Specification, 7.7.2).
 * @throws RangeError if the table or the pending bits do not fit into a BAR, or if the table and
 *   the pending bits overlap
 */
export function msixCapability({ vectors, table, pba, next = 0 }: MsixShape): Uint8Array {
  checkInteger(vectors, 'vectors', 1, 2048);
  checkInteger(next, 'next', 0, 0xfc);
  const spans = [
    checkPlace('table', table, vectors * MSIX_ENTRY_SIZE),
    checkPlace('pba', pba, pbaSize(vectors)),
  ] as const;
  if (table.bar === pba.bar && spans[0].start < spans[1].end && spans[1].start < spans[0].end) {
    throw new RangeError(`the table and the pending bits overlap in BAR ${table.bar}`);
  }
  const bytes = new Uint8Array(MSIX_CAPABILITY_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, PCI_CAP_ID_MSIX);
  view.setUint8(1, next);
  view.setUint16(2, vectors - 1, true);
  view.setUint32(4, table.offset | table.bar, true);
  view.setUint32(8, pba.offset | pba.bar, true);
  return bytes;
}

function checkPlace(what: string, place: BarPlace, length: number) {
  checkOptions(place, ['bar', 'offset'], what);
  const { bar, offset } = place;
  checkInteger(bar, `${what}.bar`, 0, 5);
  checkInteger(offset, `${what}.offset`, 0, 2 ** 32 - length);
  if (offset % 8 !== 0) throw new RangeError(`${what}.offset ${offset} is not a multiple of 8`);
  return { start: offset, end: offset + length };
}
