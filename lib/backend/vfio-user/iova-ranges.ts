import type { IovaRange } from '../../contract/index.js';

/** A common IOMMU translates addresses of 48 bits. */
const LAST_IOVA = 0xffff_ffff_ffffn;

/** The addresses of interrupt messages of an emulated x86 host, such as the host of a mock device. */
const EMULATED_MESSAGES: IovaRange = { start: 0xfee0_0000n, end: 0xfeef_ffffn };

/**
 * Returns the addresses that the devices of a server can use. The protocol does not name these
 * addresses. A server on the same machine can pass the addresses to the IOMMU of the machine, so the
 * reserved addresses of the machine are excluded.
 *
 * @param reserved - the reserved addresses of the machine's IOMMU, in any order
 */
export function usableRanges(reserved: readonly IovaRange[]): IovaRange[] {
  const gaps = [...reserved, EMULATED_MESSAGES].sort((a, b) => (a.start < b.start ? -1 : 1));
  const ranges: IovaRange[] = [];
  let start = 0n;
  for (const gap of gaps) {
    if (gap.start > LAST_IOVA) break;
    if (gap.start > start) ranges.push({ start, end: gap.start - 1n });
    if (gap.end >= start) start = gap.end + 1n;
  }
  if (start <= LAST_IOVA) ranges.push({ start, end: LAST_IOVA });
  return ranges;
}
