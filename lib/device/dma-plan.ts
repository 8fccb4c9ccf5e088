import type { AddressSpace, HugePages, Memory } from '../contract/index.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../contract/uapi.js';
import {
  checkChoice,
  checkInteger,
  checkOptions,
  checkPages,
  checkU64,
  hex,
  wholePages,
} from '../checks.js';
import type { DmaAccess } from './dma-buffer.js';

/** How memory is given to the device. */
export interface DmaOptions {
  /** What the DEVICE may do with it. Default `'read-write'`. */
  access?: DmaAccess | undefined;
  /** Where the device shall see it: whole pages. Default: the lowest free address, never 0. */
  iova?: bigint | undefined;
  /**
   * `true`: transparent huge pages where the system has them; `'2M'`, `'1G'`: from the reserved
   * pool, and the size is rounded up to them. The IOVA is aligned to 2 MiB or 1 GiB, so that the
   * IOMMU can use large pages as well. For memory that is given, only the alignment.
   */
  hugePages?: HugePages | undefined;
}

/** Memory behind a file descriptor that is open for reading and writing: a memfd, hugetlbfs. */
export interface DmaFile {
  fd: number;
  /** Bytes from the start of the file, whole pages. Default 0. */
  offset?: number | undefined;
  /** Bytes, whole pages. */
  size: number;
}

/** A mapping to be made, its arguments checked. */
export interface DmaPlan {
  readonly memory: (space: AddressSpace) => Memory;
  readonly size: number;
  readonly access: DmaAccess;
  /** VFIO_DMA_MAP_FLAG_READ and _WRITE. */
  readonly flags: number;
  /** Of the IOVA, in bytes: a power of two. */
  readonly alignment: bigint;
  readonly iova: bigint | undefined;
}

const ACCESS_FLAGS: Readonly<Record<DmaAccess, number>> = {
  read: VFIO_DMA_MAP_FLAG_READ,
  write: VFIO_DMA_MAP_FLAG_WRITE,
  'read-write': VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
};
const OPTIONS = ['access', 'iova', 'hugePages'];
const HUGE_PAGES: readonly HugePages[] = [false, true, '2M', '1G'];
const HUGE_PAGE_BYTES = { true: 2 ** 21, '2M': 2 ** 21, '1G': 2 ** 30 };

/** @param page - bytes of the smallest page that can be mapped */
export function planAllocation(size: number, options: DmaOptions, page: number): DmaPlan {
  checkInteger(size, 'size', 1, 2 ** 52);
  checkOptions(options, OPTIONS);
  const { hugePages = false } = options;
  checkChoice(hugePages, 'hugePages', HUGE_PAGES);
  const granularity = typeof hugePages === 'string' ? HUGE_PAGE_BYTES[hugePages] : page;
  const whole = Number(wholePages(BigInt(size), BigInt(granularity)));
  return plan(whole, options, page, (space) => space.allocate(whole, hugePages));
}

export function planSource(
  source: SharedArrayBuffer | DmaFile,
  options: DmaOptions,
  page: number,
): DmaPlan {
  checkOptions(options, OPTIONS);
  if (source instanceof SharedArrayBuffer) {
    const size = source.byteLength;
    checkSize(size, 'the length of the buffer', page);
    return plan(size, options, page, (space) => space.fromShared(source));
  }
  if (typeof (source as Partial<DmaFile> | null | undefined)?.fd !== 'number') {
    throw new TypeError('source must be a SharedArrayBuffer or { fd, offset, size }');
  }
  const { fd, offset = 0, size } = source;
  checkInteger(fd, 'fd', 0, 2 ** 31 - 1);
  checkPages(offset, 'offset', page);
  checkSize(size, 'size', page);
  // Writable even if the device only reads: a store of the program to memory that is mapped
  // read-only would end the process.
  return plan(size, options, page, (space) => space.fromFd(fd, offset, size, true));
}

function plan(
  size: number,
  options: DmaOptions,
  page: number,
  memory: (space: AddressSpace) => Memory,
): DmaPlan {
  const { access = 'read-write', iova, hugePages = false } = options;
  checkChoice(access, 'access', Object.keys(ACCESS_FLAGS));
  checkChoice(hugePages, 'hugePages', HUGE_PAGES);
  if (iova !== undefined) {
    checkU64(iova, 'iova');
    if (iova % BigInt(page) !== 0n) {
      throw new RangeError(`iova ${hex(iova)} is not a multiple of ${page}`);
    }
  }
  const alignment = hugePages === false ? page : HUGE_PAGE_BYTES[`${hugePages}`];
  return { memory, size, access, flags: ACCESS_FLAGS[access], alignment: BigInt(alignment), iova };
}

/** A page at least. */
function checkSize(value: number, what: string, page: number): void {
  checkPages(value, what, page);
  if (value === 0) throw new RangeError(`${what} must be whole pages of ${page} bytes, not 0`);
}
