import { closeSync } from 'node:fs';
import { checkArray, checkOptions, checkPages, hex } from '../checks.js';
import { Lifetime } from '../contract/lifetime.js';
import { VFIO_DEVICE_FEATURE_DMA_BUF, VFIO_DEVICE_FEATURE_GET } from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import type { Handle } from './handle.js';
import { presentBars } from './present.js';

/** A range of a BAR that `exportDmaBuf()` exports. */
export interface DmaBufRange {
  /** Bytes from the start of the BAR; a multiple of the page size. */
  offset: number;
  /** Bytes; a multiple of the page size. */
  length: number;
}

/** O_RDWR | O_CLOEXEC: a child process does not inherit the descriptor. */
const OPEN_FLAGS = 0o2000002;
/** Bytes of struct vfio_device_feature_dma_buf without the ranges, and of one range. */
const HEADER_SIZE = 16;
const RANGE_SIZE = 16;

const HINTS: Readonly<Record<string, string>> = {
  ENOTTY:
    'The export of a BAR needs Linux 6.19 with CONFIG_VFIO_PCI_DMABUF. features.probe(11) checks this without an error.',
  ENOTSUP: 'The driver of the device exports no BARs. The driver vfio-pci exports BARs.',
  ENODEV: 'Only the BARs 0 to 5 can be exported.',
};

/** Creates the {@link DmaBuf} of a descriptor. */
let createDmaBuf: (fd: number, size: number, name: string, onClose: () => void) => DmaBuf;

/**
 * A part of a BAR that another device reaches by DMA, without the memory of the host. The object
 * owns the descriptor of a dma-buf. `dma.map({ dmabuf })` maps the dma-buf for a device.
 *
 * The kernel revokes the dma-buf while its device is being reset, is in D3hot, or has its memory
 * decode off, and when its device is closed. The memory of a revoked dma-buf is unmapped from every
 * device, and stays unmapped when its device responds again: free the range, and map the dma-buf
 * again.
 */
export class DmaBuf {
  /** Size of all ranges together, in bytes. */
  readonly size: number;
  readonly #fd: number;
  readonly #lifetime: Lifetime;
  readonly #onClose: () => void;

  static {
    createDmaBuf = (fd, size, name, onClose) => new DmaBuf(fd, size, name, onClose);
  }

  private constructor(fd: number, size: number, name: string, onClose: () => void) {
    this.#fd = fd;
    this.size = size;
    this.#lifetime = new Lifetime('the dma-buf is closed', name);
    this.#onClose = onClose;
  }

  /**
   * The file descriptor. Another process that receives the descriptor can map the dma-buf for its
   * own devices.
   *
   * @throws {@link VfioError} EBADF after {@link close} and after the device is closed
   */
  get fd(): number {
    this.#lifetime.check();
    return this.#fd;
  }

  /**
   * Closes the descriptor. A range that maps the dma-buf stays mapped, because the kernel holds the
   * dma-buf. Closing the device closes the dma-buf, too. Idempotent.
   */
  close(): void {
    if (!this.#lifetime.end()) return;
    this.#onClose();
    closeSync(this.#fd);
  }

  /** Like {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The open dma-bufs of a device. Closing the device closes its dma-bufs. */
export class DmaBufs {
  readonly #handle: Handle;
  readonly #open = new Set<DmaBuf>();

  constructor(handle: Handle) {
    this.#handle = handle;
    handle.beforeClose(() => {
      for (const dmabuf of this.#open) dmabuf.close();
    });
  }

  /** Exports ranges of a region (VFIO_DEVICE_FEATURE_DMA_BUF). */
  export(
    region: { readonly index: number; readonly size: bigint },
    ranges: readonly DmaBufRange[] | undefined,
  ): DmaBuf {
    const { connection, name } = this.#handle;
    if (region.size === 0n) {
      const message = 'the device has no such region';
      const path = `${name} region ${region.index}`;
      const hint = presentBars(connection);
      throw new VfioError({ code: 'ENODEV', message, syscall: 'VFIO_DEVICE_FEATURE', path, hint });
    }
    const checked = checkRanges(region, ranges);
    const size = checked.reduce((sum, { length }) => sum + length, 0);
    const flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
    let fd: number;
    try {
      fd = connection.feature(flags, encode(region.index, checked));
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      throw error.with({ hint: error.hint ?? HINTS[error.code] });
    }
    const dmabuf = createDmaBuf(fd, size, name, () => this.#open.delete(dmabuf));
    this.#open.add(dmabuf);
    return dmabuf;
  }
}

function checkRanges(
  { index, size }: { readonly index: number; readonly size: bigint },
  ranges: readonly DmaBufRange[] | undefined,
): readonly DmaBufRange[] {
  if (ranges === undefined) {
    checkPages(Number(size), `the size of region ${index}`);
    return [{ offset: 0, length: Number(size) }];
  }
  checkArray(ranges, 'ranges');
  if (ranges.length === 0) throw new RangeError('ranges must contain at least one range');
  for (const range of ranges) {
    checkOptions(range, ['offset', 'length'], 'a range');
    const { offset, length } = range;
    checkPages(offset, 'offset');
    checkPages(length, 'length');
    if (length === 0) throw new RangeError('length must be at least one page, not 0');
    if (BigInt(offset) + BigInt(length) > size) {
      const end = hex(offset + length);
      throw new RangeError(`the range ends at ${end}, past the end of the region at ${hex(size)}`);
    }
  }
  return ranges;
}

/** Encodes struct vfio_device_feature_dma_buf with its ranges. */
function encode(region: number, ranges: readonly DmaBufRange[]): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + RANGE_SIZE * ranges.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, region, true);
  view.setUint32(4, OPEN_FLAGS, true);
  view.setUint32(12, ranges.length, true);
  ranges.forEach(({ offset, length }, i) => {
    view.setBigUint64(HEADER_SIZE + RANGE_SIZE * i, BigInt(offset), true);
    view.setBigUint64(HEADER_SIZE + RANGE_SIZE * i + 8, BigInt(length), true);
  });
  return bytes;
}
