import { VFIO_PCI_ROM_REGION_INDEX } from '../../../contract/uapi.js';
import { PAGE_SIZE, U64_MAX } from '../../../checks.js';
import { createDmaBufFile, type DmaBufExport } from '../machine/dma-buf.js';
import { fail } from '../machine/errno.js';

const FEATURE = 'VFIO_DEVICE_FEATURE';
const PAGE = BigInt(PAGE_SIZE);
/** Size in bytes of struct vfio_device_feature_dma_buf without the ranges. */
export const DMA_BUF_HEADER = 16;
/** Size in bytes of struct vfio_region_dma_range. */
const RANGE = 16;

/** Limit for the sum of the lengths. The kernel uses bit 63 of a length as a flag. */
const TOTAL_LIMIT = 2n ** 63n;

/** A range of a BAR, in bytes. */
interface Range {
  readonly offset: number;
  readonly length: number;
}

/** The device whose BARs are exported. */
export interface ExportingDevice {
  /** Whether the BARs respond now. */
  readonly isResponding: boolean;
  /** Returns the size of a BAR in bytes; 0 if the function has no BAR of that index. */
  barSize(index: number): number;
  /** Whether a BAR is memory and not I/O ports. */
  isMemory(index: number): boolean;
  /** Reads a BAR for another device. */
  read(index: number, offset: number, into: Uint8Array): void;
  /** Writes a BAR for another device. */
  write(index: number, offset: number, from: Uint8Array): void;
}

/** The dma-bufs of a device (VFIO_DEVICE_FEATURE_DMA_BUF). */
export class DmaBufs {
  readonly #device: ExportingDevice;
  readonly #forget: (() => void)[] = [];
  #revocations = 0;

  constructor(device: ExportingDevice) {
    this.#device = device;
  }

  /** Exports ranges of a BAR, with the checks of vfio_pci_core_feature_dma_buf(). */
  export(data: Uint8Array): number {
    const { region, ranges } = parse(data, this.#device);
    const { fd, forget } = createDmaBufFile(this.#createExport(region, ranges));
    this.#forget.push(forget);
    return fd;
  }

  /** Revokes all dma-bufs: they are no longer mapped for any device. */
  revoke(): void {
    this.#revocations++;
  }

  /** Revokes all dma-bufs for ever. */
  close(): void {
    this.revoke();
    for (const forget of this.#forget.splice(0)) forget();
  }

  #createExport(region: number, ranges: readonly Range[]): DmaBufExport {
    const device = this.#device;
    const revocations = (): number => this.#revocations;
    const forParts = (at: number, size: number, run: (part: Range, done: number) => void) => {
      let start = 0;
      for (const { offset, length } of ranges) {
        const first = Math.max(at, start);
        const end = Math.min(at + size, start + length);
        if (first < end) run({ offset: offset + first - start, length: end - first }, first - at);
        start += length;
      }
    };
    return {
      size: ranges.reduce((sum, { length }) => sum + length, 0),
      ranges: ranges.length,
      get isRevoked() {
        return !device.isResponding;
      },
      get revocations() {
        return revocations();
      },
      read(at, into) {
        forParts(at, into.length, ({ offset, length }, done) => {
          device.read(region, offset, into.subarray(done, done + length));
        });
      },
      write(at, from) {
        forParts(at, from.length, ({ offset, length }, done) => {
          device.write(region, offset, from.subarray(done, done + length));
        });
      },
    };
  }
}

function parse(data: Uint8Array, device: ExportingDevice) {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const region = view.getUint32(0, true);
  const flags = view.getUint32(8, true);
  const count = view.getUint32(12, true);
  if (count === 0 || flags !== 0) fail('EINVAL', FEATURE);
  const size = region < VFIO_PCI_ROM_REGION_INDEX ? BigInt(device.barSize(region)) : 0n;
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
  if (!device.isMemory(region)) fail('EINVAL', FEATURE);
  return {
    region,
    ranges: ranges.map(({ offset, length }) => ({
      offset: Number(offset),
      length: Number(length),
    })),
  };
}
