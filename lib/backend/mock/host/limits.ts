import { U64_MAX } from '../checks.js';

/** What the host allows a process. */
export interface DmaLimits {
  /** Mappings of a container: the module parameter dma_entry_limit. */
  dmaEntries: number;
  /** RLIMIT_MEMLOCK, in bytes. */
  memlock: bigint;
}

export function defaultLimits(): DmaLimits {
  return { dmaEntries: 65535, memlock: U64_MAX };
}
