import type { DmaBuffer } from '../../index.js';
import { PAGE_SIZE } from './registers.js';

/** Number of entries in a PRP list of one page. */
const LIST_ENTRIES = PAGE_SIZE / 8;

/**
 * Returns the PRP entries (physical region pages) of a transfer that begins at the start of a
 * buffer.
 *
 * @param data - a page-aligned buffer
 * @param length - bytes to transfer
 * @param list - a page for the PRP list; only transfers of more than two pages need the list
 * @throws RangeError if the transfer needs more than one PRP list
 */
export function buildPrp(
  data: DmaBuffer,
  length: number,
  list: DmaBuffer,
): { prp1: bigint; prp2: bigint } {
  const pages = Math.ceil(length / PAGE_SIZE);
  const page = (n: number): bigint => data.iova + BigInt(n * PAGE_SIZE);
  if (pages <= 1) return { prp1: page(0), prp2: 0n };
  if (pages === 2) return { prp1: page(0), prp2: page(1) };
  if (pages - 1 > LIST_ENTRIES) {
    throw new RangeError(`a transfer of ${length} bytes needs more than one PRP list`);
  }
  const entries = new BigUint64Array(list.buffer, 0, LIST_ENTRIES);
  for (let n = 1; n < pages; n += 1) entries[n - 1] = page(n);
  return { prp1: page(0), prp2: list.iova };
}
