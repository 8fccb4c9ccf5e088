/**
 * Returns the index of the first range that begins at an address or after the address.
 *
 * @param sorted - ranges that do not overlap, in ascending order
 */
export function findByIova(sorted: readonly { readonly iova: bigint }[], iova: bigint): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = sorted[middle];
    if (range !== undefined && range.iova < iova) low = middle + 1;
    else high = middle;
  }
  return low;
}
