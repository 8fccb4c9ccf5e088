/** The smallest page there is: a system with larger ones refuses what is not whole pages of its own. */
export const PAGE_SIZE = 4096;

export function wholePages(size: bigint, page = BigInt(PAGE_SIZE)): bigint {
  return ((size + page - 1n) / page) * page;
}
