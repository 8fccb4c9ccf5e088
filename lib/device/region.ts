import type { Eventfd, RegionCapability, RegisterWindow, Width } from '../contract/index.js';
import {
  VFIO_REGION_INFO_CAP_TYPE,
  VFIO_REGION_INFO_FLAG_READ,
  VFIO_REGION_INFO_FLAG_WRITE,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import {
  checkAccess,
  checkBufferSize,
  checkBytes,
  checkChoice,
  checkExtent,
  checkInteger,
  checkOptions,
  hex,
  PAGE_SIZE,
  wholePages,
} from '../checks.js';
import { checkEventfd } from '../contract/eventfd.js';
import { isInArea, type RegionArea, regionMapping } from '../contract/region-mapping.js';
import type { DmaBuf, DmaBufRange, DmaBufs } from './dma-buf.js';
import type { Handle } from './handle.js';
import { presentBars } from './present.js';
import type { Windows } from './windows.js';

/** The part of a region that {@link Region.map} maps. */
export interface WindowOptions {
  /** Bytes from the start of the region; a multiple of the page size. Default 0. */
  offset?: number | undefined;
  /** Bytes; a multiple of the page size. Default: up to the end of the region. */
  length?: number | undefined;
}

/** A register write that the kernel makes each time an eventfd is signalled. */
export interface IoeventfdOptions {
  /** Bytes from the start of the region; a multiple of `width`. */
  offset: number;
  /** Width of the write in bytes. Recent kernels refuse a width of 8. */
  width: Width;
  /** The value that the kernel writes. */
  value: bigint;
  /** The eventfd to bind, or null to remove the binding. */
  eventfd: Eventfd | null;
}

/** Maximum size, in bytes, of an ArrayBuffer in every supported version of Node. */
const MAX_WINDOW = 2 ** 32;

/** Creates the {@link Region} of an index. */
export let createRegion: (handle: Handle, parts: RegionParts, index: number) => Region;

/** The parts of a device that its regions share. */
export interface RegionParts {
  readonly windows: Windows;
  readonly dmaBufs: DmaBufs;
}

/**
 * A region of the device: a BAR, the expansion ROM, configuration space, VGA, or a device-specific
 * region.
 *
 * {@link Region.map} gives the fastest access to registers. The methods `read`, `write`, `load` and
 * `store` use pread and pwrite on the device file. These methods also work if the region cannot be
 * mapped.
 * After `device.close()` every access throws {@link VfioError} EBADF.
 */
export class Region {
  /** 0 to 5: BARs, 6: ROM, 7: configuration space, 8: VGA, 9 and above: device-specific. */
  readonly index: number;
  /** Size in bytes; 0 for a missing BAR and for the upper half of a 64-bit BAR. */
  readonly size: bigint;
  /** Whether the region can be read. */
  readonly readable: boolean;
  /** Whether the region can be written. */
  readonly writable: boolean;
  /** Whether {@link map} can map the region. */
  readonly mappable: boolean;
  /** The capability chain that VFIO_DEVICE_GET_REGION_INFO returned. */
  readonly capabilities: readonly RegionCapability[];
  /** The areas that can be mapped, or null if every part of the region can be mapped. */
  readonly sparseAreas: readonly RegionArea[] | null;
  /** Whether a mapping of this BAR can include the pages of the MSI-X table. */
  readonly msixMappable: boolean;
  /** Type and subtype of a device-specific region (index 9 and above), otherwise null. */
  readonly type: { readonly type: number; readonly subtype: number } | null;
  readonly #handle: Handle;
  readonly #parts: RegionParts;

  static {
    createRegion = (handle, parts, index) => new Region(handle, parts, index);
  }

  private constructor(handle: Handle, parts: RegionParts, index: number) {
    const info = handle.connection.getRegionInfo(index);
    const { mappable, sparseAreas, msixMappable } = regionMapping(info);
    const type = info.capabilities.find(({ id }) => id === VFIO_REGION_INFO_CAP_TYPE);
    this.index = index;
    this.size = info.size;
    this.readable = (info.flags & VFIO_REGION_INFO_FLAG_READ) !== 0;
    this.writable = (info.flags & VFIO_REGION_INFO_FLAG_WRITE) !== 0;
    this.mappable = mappable;
    this.capabilities = info.capabilities;
    this.sparseAreas = sparseAreas;
    this.msixMappable = msixMappable;
    this.type = type === undefined ? null : { type: type.type ?? 0, subtype: type.subtype ?? 0 };
    this.#handle = handle;
    this.#parts = parts;
  }

  /**
   * Maps registers (mmap of the device file). Closing the device closes the window. If the region
   * ends within a page, the kernel maps the whole page, but the window ends at the end of the
   * region.
   *
   * A device does not respond in D3hot, in low power, after an unplug, or if memory decode is off.
   * Even then, an access does not end the process: see {@link RegisterWindow.lost} and its events.
   * For this purpose, the first window installs a SIGBUS handler. Do not replace this handler, for
   * example by `process.on('SIGBUS')`.
   *
   * @throws RangeError if `offset` or `length` is not a multiple of the page size or exceeds the
   *   region, if the window is not inside one of the {@link sparseAreas}, or if the window exceeds
   *   4 GiB
   * @throws {@link VfioError} EINVAL if the region cannot be mapped
   * @example
   * using registers = device.bar(0).map();
   * const version = registers.read32(0x08);
   * @example
   * registers.on('lost', () => { console.error('the device does not respond'); });
   */
  map(options: WindowOptions = {}): RegisterWindow {
    const { connection } = this.#handle;
    checkOptions(options, ['offset', 'length']);
    const { offset = 0, length } = options;
    if (!this.mappable) {
      throw new VfioError({
        code: 'EINVAL',
        message: this.size === 0n ? 'the device has no such region' : 'the region cannot be mapped',
        syscall: 'mmap',
        path: this.#path,
        hint:
          this.size === 0n
            ? presentBars(connection)
            : 'Use read(), write(), load() and store() instead.',
      });
    }
    const size = wholePages(this.size);
    checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
    if (length !== undefined) checkInteger(length, 'length', PAGE_SIZE, MAX_WINDOW);
    const rest = length ?? Number(size - BigInt(offset));
    this.#checkWindow(offset, rest, size, length === undefined);
    return this.#parts.windows.open(() => connection.map(this.index, offset, rest));
  }

  /**
   * Exports a part of this BAR as a dma-buf (VFIO_DEVICE_FEATURE_DMA_BUF), so that another device
   * can reach the part by DMA. Closing the device closes the dma-buf.
   *
   * @param ranges - the parts of the BAR, in whole pages. Default: the whole BAR. iommufd maps only
   *   a dma-buf of one range.
   * @throws RangeError if a range does not consist of whole pages, or exceeds the BAR
   * @throws {@link VfioError} ENOTTY if the kernel cannot export BARs; ENODEV if the region is not a
   *   BAR; EINVAL if the BAR cannot be exported, for example I/O ports; ENOTSUP if the driver of
   *   the device does not export BARs
   * @example
   * using memory = card.bar(2).exportDmaBuf([{ offset: 0, length: 65536 }]);
   * using range = await disk.dma.map({ dmabuf: memory });
   * // The disk now reads and writes the memory of the card at range.iova.
   */
  exportDmaBuf(ranges?: readonly DmaBufRange[]): DmaBuf {
    return this.#parts.dmaBufs.export(this, ranges);
  }

  /**
   * Reads a block of the region by pread.
   * @param offset - bytes from the start of the region
   * @param length - number of bytes
   * @returns the bytes that the kernel read, which can be fewer than `length`
   */
  read(offset: number, length: number): Uint8Array {
    checkExtent(offset, length, this.size);
    checkBufferSize(length, 'length', 0);
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, this.#handle.connection.read(this.index, offset, bytes));
  }

  /**
   * Writes a block of the region by pwrite.
   * @param offset - bytes from the start of the region
   * @returns number of bytes that were written
   */
  write(offset: number, bytes: Uint8Array): number {
    checkBytes(bytes, 'bytes');
    checkExtent(offset, bytes.length, this.size);
    return this.#handle.connection.write(this.index, offset, bytes);
  }

  /**
   * Reads `width` bytes by pread, as one little-endian access.
   * @param offset - bytes from the start of the region; a multiple of `width`
   */
  load(offset: number, width: 1 | 2 | 4): number {
    checkChoice(width, 'width', [1, 2, 4]);
    checkAccess(offset, width, this.size);
    return this.#handle.connection.load(this.index, offset, width);
  }

  /**
   * Writes `width` bytes by pwrite, as one little-endian access.
   * @param offset - bytes from the start of the region; a multiple of `width`
   */
  store(offset: number, width: 1 | 2 | 4, value: number): void {
    checkChoice(width, 'width', [1, 2, 4]);
    checkAccess(offset, width, this.size);
    this.#handle.connection.store(this.index, offset, width, value);
  }

  /**
   * Lets the kernel write a register each time an eventfd is signalled (VFIO_DEVICE_IOEVENTFD).
   *
   * @throws {@link VfioError} EEXIST if this write is already bound to an eventfd; ENODEV if
   *   `eventfd` is null and no binding exists; ENOSPC if the device has 1000 bindings; EINVAL if
   *   the register overlaps the MSI-X table or is outside the BARs
   */
  ioeventfd(options: IoeventfdOptions): void {
    checkOptions(options, ['offset', 'width', 'value', 'eventfd']);
    const { offset, width, value, eventfd } = options;
    checkChoice(width, 'width', [1, 2, 4, 8]);
    checkAccess(offset, width, this.size);
    if (typeof value !== 'bigint') throw new TypeError('value must be a bigint');
    if (value < 0n || value >> BigInt(8 * width) !== 0n) {
      throw new RangeError(`value ${value.toString()} does not fit into ${width} bytes`);
    }
    if (eventfd !== null) checkEventfd(eventfd, 'eventfd');
    this.#handle.connection.ioeventfd({ region: this.index, offset, width, value, eventfd });
  }

  #checkWindow(offset: number, length: number, size: bigint, whole: boolean): void {
    if (whole && length > MAX_WINDOW) {
      throw new RangeError(
        `region ${this.index} has ${hex(this.size)} bytes, but a window has at most 4 GiB: map a part of the region with offset and length`,
      );
    }
    if (offset % PAGE_SIZE !== 0 || length % PAGE_SIZE !== 0 || length <= 0) {
      throw new RangeError(
        `offset ${hex(offset)} and length ${length} of a window must be multiples of the page size, ${PAGE_SIZE}`,
      );
    }
    checkExtent(offset, length, size);
    if (this.sparseAreas !== null && !isInArea(this.sparseAreas, offset, length)) {
      const areas = this.sparseAreas.map((area) => `${hex(area.offset)}+${hex(area.size)}`);
      throw new RangeError(
        `region ${this.index} can only be mapped inside its sparse areas: ${areas.join(', ') || 'none'}`,
      );
    }
  }

  get #path(): string {
    return `${this.#handle.name} region ${this.index}`;
  }
}
