import type { Eventfd, RegionCapability, RegisterWindow, Width } from '../contract/index.js';
import {
  VFIO_REGION_INFO_CAP_TYPE,
  VFIO_REGION_INFO_FLAG_READ,
  VFIO_REGION_INFO_FLAG_WRITE,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import {
  checkAccess,
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
import type { Handle } from './handle.js';
import type { Windows } from './windows.js';

/** Which part of a region to map. */
export interface WindowOptions {
  /** Bytes from the start of the region, whole pages. Default 0. */
  offset?: number | undefined;
  /** Bytes, whole pages. Default: up to the end of the region. */
  length?: number | undefined;
}

/** A write that signals an eventfd instead of waking the program. */
export interface IoeventfdOptions {
  /** Bytes from the start of the region, aligned to the width. */
  offset: number;
  /** Bytes. 8 is refused by recent kernels. */
  width: Width;
  /** The value that has to be written. */
  value: bigint;
  /** Null takes the binding away. */
  eventfd: Eventfd | null;
}

/** What an ArrayBuffer can span in every Node this runs on. */
const MAX_WINDOW = 2 ** 32;

/** Creates the {@link Region} of an index. */
export let createRegion: (handle: Handle, windows: Windows, index: number) => Region;

/**
 * A region of the device: a BAR, the ROM, configuration space, or one of its own kind.
 *
 * Registers are best used through {@link Region.map}; the positioned accesses go through the file,
 * also where nothing can be mapped. After `device.close()` everything here that would reach the
 * device throws {@link VfioError} EBADF.
 */
export class Region {
  /** 0 to 5: BARs, 6: ROM, 7: configuration space, 8: VGA, from 9 on: the device's own. */
  readonly index: number;
  /** Bytes; 0 for a BAR the device does not have and for the upper half of a 64-bit one. */
  readonly size: bigint;
  /** Whether it can be read, and written: by {@link read} and {@link write}, or when it is mapped. */
  readonly readable: boolean;
  readonly writable: boolean;
  /** Whether {@link map} is possible. */
  readonly mappable: boolean;
  /** The capability chain as VFIO_DEVICE_GET_REGION_INFO gave it. */
  readonly capabilities: readonly RegionCapability[];
  /** The only parts that can be mapped, or null where the region can be mapped anywhere. */
  readonly sparseAreas: readonly RegionArea[] | null;
  /** Whether the pages of the MSI-X table can be mapped with the rest of this BAR. */
  readonly msixMappable: boolean;
  /** What a region from 9 on is. */
  readonly type: { readonly type: number; readonly subtype: number } | null;
  readonly #handle: Handle;
  readonly #windows: Windows;

  static {
    createRegion = (handle, windows, index) => new Region(handle, windows, index);
  }

  private constructor(handle: Handle, windows: Windows, index: number) {
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
    this.#windows = windows;
  }

  /**
   * Maps registers (mmap of the device's file). The window is closed by its `close()`, or with the
   * device. A BAR smaller than a page is mapped with the rest of its page.
   *
   * Touching registers that are gone (memory decode off, D3hot, low power, an unplug) is no fault:
   * see {@link RegisterWindow.lost} and its events. In the process that needs the SIGBUS handler
   * that the first window installs; do not replace it, `process.on('SIGBUS')` included.
   *
   * @throws RangeError if offset or length are not whole pages within the region, are not within
   *   one of {@link sparseAreas} where there are any, or span more than 4 GiB
   * @throws {@link VfioError} EINVAL if the region cannot be mapped
   * @example
   * using registers = device.bar(0).map();
   * const version = registers.read32(0x08);
   * @example
   * registers.on('lost', () => { console.error('the device does not answer'); });
   */
  map(options: WindowOptions = {}): RegisterWindow {
    const { connection } = this.#handle;
    checkOptions(options, ['offset', 'length']);
    const { offset = 0, length } = options;
    if (!this.mappable) {
      throw new VfioError({
        code: 'EINVAL',
        message: this.size === 0n ? 'the device has no such region' : 'it cannot be mapped',
        syscall: 'mmap',
        path: this.#path,
        ...(this.size === 0n ? {} : { hint: 'Use read, write, load and store of the region.' }),
      });
    }
    const size = wholePages(this.size);
    checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
    if (length !== undefined) checkInteger(length, 'length', PAGE_SIZE, MAX_WINDOW);
    const rest = length ?? Number(size - BigInt(offset));
    this.#checkWindow(offset, rest, size, length === undefined);
    return this.#windows.open(() => connection.map(this.index, offset, rest));
  }

  /**
   * Reads by pread.
   * @param offset - bytes from the start of the region
   * @param length - bytes
   * @returns what was read: shorter than asked for where the kernel stops early
   */
  read(offset: number, length: number): Uint8Array {
    checkExtent(offset, length, this.size);
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, this.#handle.connection.read(this.index, offset, bytes));
  }

  /**
   * Writes by pwrite.
   * @returns bytes written
   */
  write(offset: number, bytes: Uint8Array): number {
    checkBytes(bytes, 'bytes');
    checkExtent(offset, bytes.length, this.size);
    return this.#handle.connection.write(this.index, offset, bytes);
  }

  /** One little-endian read of `width` bytes by pread, naturally aligned. */
  load(offset: number, width: 1 | 2 | 4): number {
    checkChoice(width, 'width', [1, 2, 4]);
    checkAccess(offset, width, this.size);
    return this.#handle.connection.load(this.index, offset, width);
  }

  /** One little-endian write of `width` bytes by pwrite, naturally aligned. */
  store(offset: number, width: 1 | 2 | 4, value: number): void {
    checkChoice(width, 'width', [1, 2, 4]);
    checkAccess(offset, width, this.size);
    this.#handle.connection.store(this.index, offset, width, value);
  }

  /**
   * Has the kernel write a register each time an eventfd is signalled (VFIO_DEVICE_IOEVENTFD).
   *
   * @throws {@link VfioError} EEXIST if that write is bound already, ENODEV if there is no binding
   *   to take away, ENOSPC after 1000 of them, EINVAL over the MSI-X table and outside of BARs
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
        `region ${this.index} has ${hex(this.size)} bytes, more than the 4 GiB that fit into one window: ask for a part of it with offset and length`,
      );
    }
    if (offset % PAGE_SIZE !== 0 || length % PAGE_SIZE !== 0 || length <= 0) {
      throw new RangeError(
        `a window consists of whole pages of ${PAGE_SIZE} bytes: not ${hex(offset)} and ${length}`,
      );
    }
    checkExtent(offset, length, size);
    if (this.sparseAreas !== null && !isInArea(this.sparseAreas, offset, length)) {
      const areas = this.sparseAreas.map((area) => `${hex(area.offset)}+${hex(area.size)}`);
      throw new RangeError(
        `region ${this.index} can be mapped in parts only: ${areas.join(', ') || 'none'}`,
      );
    }
  }

  get #path(): string {
    return `${this.#handle.name} region ${this.index}`;
  }
}
