import type { IovaRange } from '../../../contract/index.js';
import { U64_MAX } from '../../../checks.js';

/** What the host allows a process. */
export interface DmaLimits {
  /** Mappings of a container: the module parameter dma_entry_limit. */
  dmaEntries: number;
  /** RLIMIT_MEMLOCK, in bytes. */
  memlock: bigint;
  /** What a device can reach. */
  ranges: readonly IovaRange[];
}

/** What an x86 host has: 48 bits without the addresses that are interrupts. */
const RANGES: readonly IovaRange[] = [
  { start: 0n, end: 0xfedf_ffffn },
  { start: 0xfef0_0000n, end: 0xffff_ffff_ffffn },
];

export function defaultLimits(): DmaLimits {
  return { dmaEntries: 65535, memlock: U64_MAX, ranges: RANGES };
}
