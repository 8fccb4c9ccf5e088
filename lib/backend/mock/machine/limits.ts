import type { IovaRange } from '../../../contract/index.js';
import { U64_MAX } from '../../../checks.js';

/** Limits of the host for the DMA mappings of a process. */
export interface DmaLimits {
  /** Maximum number of mappings in a container (module parameter dma_entry_limit). */
  dmaEntries: number;
  /** RLIMIT_MEMLOCK, in bytes. */
  memlock: bigint;
  /** IOVA ranges that a device can use. */
  ranges: readonly IovaRange[];
}

/** The highest address that the IOMMU translates: 48 bits. */
export const LAST_IOVA = 0xffff_ffff_ffffn;

/**
 * Usable IOVA ranges of an x86 host: 48-bit addresses, except the addresses of interrupt messages.
 */
const RANGES: readonly IovaRange[] = [
  { start: 0n, end: 0xfedf_ffffn },
  { start: 0xfef0_0000n, end: LAST_IOVA },
];

export function defaultLimits(): DmaLimits {
  return { dmaEntries: 65535, memlock: U64_MAX, ranges: RANGES };
}
