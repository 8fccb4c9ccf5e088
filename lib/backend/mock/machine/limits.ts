import type { IovaRange } from '../../../contract/index.js';
import { U64_MAX } from '../../../checks.js';
import { IOVA_RANGES } from './platform.js';

/** Limits of the host for the DMA mappings of a process. */
export interface DmaLimits {
  /** Maximum number of mappings in a container (module parameter dma_entry_limit). */
  dmaEntries: number;
  /** RLIMIT_MEMLOCK, in bytes. */
  memlock: bigint;
  /** IOVA ranges that a device can use. */
  ranges: readonly IovaRange[];
}

export function defaultLimits(): DmaLimits {
  return { dmaEntries: 65535, memlock: U64_MAX, ranges: IOVA_RANGES };
}
