/**
 * The platform of the mock: an x86 host with an Intel IOMMU and interrupt remapping. On real hosts,
 * these values come from the kernel.
 */
import type { IommuFacts, IovaRange } from '../../../contract/index.js';

export const IOMMU: IommuFacts = { name: 'dmar0', unsafeInterrupts: false };

/** Page sizes of the IOMMU: 4 KiB, 2 MiB and 1 GiB. */
export const IOMMU_PAGE_SIZES = 0x4020_1000n;

/** The highest address that the IOMMU translates: 48 bits. */
export const LAST_IOVA = 0xffff_ffff_ffffn;

/** The addresses of interrupt messages. */
export const MESSAGES: IovaRange = { start: 0xfee0_0000n, end: 0xfeef_ffffn };

/** The IOVAs that a device can use: all addresses, except the addresses of interrupt messages. */
export const IOVA_RANGES: readonly IovaRange[] = [
  { start: 0n, end: MESSAGES.start - 1n },
  { start: MESSAGES.end + 1n, end: LAST_IOVA },
];
