import { openSync } from 'node:fs';
import { devNull } from 'node:os';
import { VFIO_PCI_ROM_REGION_INDEX } from '../../../contract/uapi.js';
import { PAGE_SIZE, U64_MAX } from '../../../checks.js';
import { fail } from '../machine/errno.js';

const FEATURE = 'VFIO_DEVICE_FEATURE';
const PAGE = BigInt(PAGE_SIZE);
/** Size in bytes of struct vfio_device_feature_dma_buf without the ranges. */
export const DMA_BUF_HEADER = 16;
/** Size in bytes of struct vfio_region_dma_range. */
const RANGE = 16;

/** Limit for the sum of the lengths. The kernel uses bit 63 of a length as a flag. */
const TOTAL_LIMIT = 2n ** 63n;

/** The BARs of a device that exports BAR memory as a dma-buf. */
export interface ExportableBars {
  /** Returns the size of a BAR in bytes; 0 if the function has no BAR of that index. */
  barSize(index: number): number;
  /** Whether a BAR is memory and not I/O ports. */
  isMemory(index: number): boolean;
}

/**
 * Checks a VFIO_DEVICE_FEATURE_DMA_BUF request as vfio_pci_core_feature_dma_buf() does.
 *
 * @returns a file descriptor of `/dev/null` in place of a dma-buf; a program can only pass the
 *   descriptor to other code or close the descriptor
 */
export function exportDmaBuf(data: Uint8Array, bars: ExportableBars): number {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const region = view.getUint32(0, true);
  const flags = view.getUint32(8, true);
  const count = view.getUint32(12, true);
  if (count === 0 || flags !== 0) fail('EINVAL', FEATURE);
  const size = region < VFIO_PCI_ROM_REGION_INDEX ? BigInt(bars.barSize(region)) : 0n;
  if (size === 0n) fail('ENODEV', FEATURE);
  const ranges: { offset: bigint; length: bigint }[] = [];
  for (let i = 0; i < count; i++) {
    const at = DMA_BUF_HEADER + i * RANGE;
    // If the ranges exceed the caller's data, the kernel cannot copy the ranges.
    if (at + RANGE > data.length) fail('EFAULT', FEATURE);
    const range = { offset: view.getBigUint64(at, true), length: view.getBigUint64(at + 8, true) };
    ranges.push(range);
  }
  const aligned = ranges.every(({ offset, length }) => {
    return length !== 0n && offset % PAGE === 0n && length % PAGE === 0n;
  });
  const total = ranges.reduce((sum, { length }) => sum + length, 0n);
  if (!aligned || total >= TOTAL_LIMIT) fail('EINVAL', FEATURE);
  for (const { offset, length } of ranges) {
    // The kernel adds the address of the BAR. The mock does not emulate this address.
    if (offset + length > U64_MAX) fail('EOVERFLOW', FEATURE);
    if (offset + length > size) fail('EINVAL', FEATURE);
  }
  if (!bars.isMemory(region)) fail('EINVAL', FEATURE);
  return openSync(devNull, 'r');
}
