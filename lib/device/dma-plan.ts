import type { AddressSpace, DmaMemory, HugePages, Memory } from '../contract/index.js';
import { HUGE_PAGES } from '../contract/memory.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../contract/uapi.js';
import {
  checkBufferSize,
  checkChoice,
  checkInteger,
  checkOptions,
  checkPages,
  checkU64,
  hex,
  wholePages,
} from '../checks.js';
import { DmaBuf } from './dma-buf.js';
import type { DmaAccess } from './dma-range.js';

/** Options of a DMA mapping. */
export interface DmaOptions {
  /**
   * Whether the device is allowed to read the memory, to write it, or both. Default `'read-write'`.
   */
  access?: DmaAccess | undefined;
  /** I/O virtual address, page-aligned. Default: the lowest free address except 0. */
  iova?: bigint | undefined;
  /**
   * The kind of huge pages to use. `true`: transparent huge pages, if the system provides them.
   * `'2M'` or `'1G'`: huge pages of this size from the reserved pool. The size of the buffer is
   * rounded up to whole huge pages.
   *
   * The IOVA is aligned to 2 MiB or 1 GiB, so that the IOMMU can use large pages. For existing
   * memory, the option sets only the alignment of the IOVA.
   */
  hugePages?: HugePages | undefined;
}

/**
 * Memory of a file, for example of a memfd or a hugetlbfs file. The file must be open for reading
 * and writing.
 */
export interface DmaFile {
  fd: number;
  /** Bytes from the start of the file; a multiple of the page size. Default 0. */
  offset?: number | undefined;
  /** Bytes; a multiple of the page size. */
  size: number;
}

/** Memory of another device: a part of a BAR that `region.exportDmaBuf()` has exported. */
export interface DmaBufSource {
  /** The dma-buf, or the descriptor of a dma-buf that another process has exported. */
  dmabuf: DmaBuf | number;
  /** Bytes from the start of the dma-buf; a multiple of the page size. Default 0. */
  offset?: number | undefined;
  /** Bytes; a multiple of the page size. Default for a {@link DmaBuf}: up to its end. */
  size?: number | undefined;
}

/**
 * Memory of a memfd, or of a file on tmpfs or hugetlbfs, that the process does not map. The kernel
 * pins the pages of the file itself (IOMMU_IOAS_MAP_FILE).
 */
export interface DmaMemfd {
  /** The descriptor of the file, open for reading and writing. */
  memfd: number;
  /** Bytes from the start of the file; a multiple of the page size. Default 0. */
  offset?: number | undefined;
  /** Bytes; a multiple of the page size. */
  size: number;
}

/** Memory that the process does not map. */
export type DmaImport = DmaBufSource | DmaMemfd;

/** The checked arguments of a mapping. */
export interface DmaPlan<M extends DmaMemory = DmaMemory> {
  readonly createMemory: (space: AddressSpace) => M;
  readonly size: number;
  readonly access: DmaAccess;
  /** VFIO_DMA_MAP_FLAG_READ and _WRITE. */
  readonly flags: number;
  /** Alignment of the IOVA in bytes: a power of two. */
  readonly alignment: bigint;
  readonly iova: bigint | undefined;
}

const ACCESS_FLAGS: Readonly<Record<DmaAccess, number>> = {
  read: VFIO_DMA_MAP_FLAG_READ,
  write: VFIO_DMA_MAP_FLAG_WRITE,
  'read-write': VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
};
const DMA_OPTION_NAMES = ['access', 'iova', 'hugePages'];
const HUGE_PAGE_BYTES = { true: 2 ** 21, '2M': 2 ** 21, '1G': 2 ** 30 };

/**
 * Checks the arguments for a mapping of new memory.
 * @param page - size of the smallest page that can be mapped, in bytes
 */
export function planAllocation(size: number, options: DmaOptions, page: number): DmaPlan<Memory> {
  checkBufferSize(size, 'size');
  checkOptions(options, DMA_OPTION_NAMES);
  const { hugePages = false } = options;
  checkChoice(hugePages, 'hugePages', HUGE_PAGES);
  const granularity = typeof hugePages === 'string' ? HUGE_PAGE_BYTES[hugePages] : page;
  const whole = Number(wholePages(BigInt(size), BigInt(granularity)));
  return createPlan(whole, options, page, (space) => space.allocate(whole, hugePages));
}

/**
 * Checks the arguments for a mapping of existing memory.
 * @param page - size of the smallest page that can be mapped, in bytes
 */
export function planSource(
  source: SharedArrayBuffer | DmaFile,
  options: DmaOptions,
  page: number,
): DmaPlan<Memory> {
  checkOptions(options, DMA_OPTION_NAMES);
  if (source instanceof SharedArrayBuffer) {
    const size = source.byteLength;
    checkSize(size, 'the length of the buffer', page);
    return createPlan(size, options, page, (space) => space.fromShared(source));
  }
  if (typeof (source as Partial<DmaFile> | null | undefined)?.fd !== 'number') {
    throw new TypeError(
      'source must be a SharedArrayBuffer, { fd, offset, size }, { dmabuf, offset, size } or { memfd, offset, size }',
    );
  }
  checkOptions(source, ['fd', 'offset', 'size'], 'source');
  const { fd, offset = 0, size } = source;
  checkInteger(fd, 'fd', 0, 2 ** 31 - 1);
  checkPages(offset, 'offset', page);
  checkSize(size, 'size', page);
  // The process maps the file as writable, even if the device only reads the memory. If the mapping
  // were read-only, a store by the program would end the process.
  return createPlan(size, options, page, (space) => space.fromFd(fd, offset, size, true));
}

/** Whether the source is memory that the process does not map. */
export function isImport(source: unknown): source is DmaImport {
  return typeof source === 'object' && source !== null && ('dmabuf' in source || 'memfd' in source);
}

/**
 * Checks the arguments for a mapping of memory that the process does not map.
 * @param page - size of the smallest page that can be mapped, in bytes
 */
export function planImport(source: DmaImport, options: DmaOptions, page: number): DmaPlan {
  checkOptions(options, DMA_OPTION_NAMES);
  const isDmaBuf = 'dmabuf' in source;
  checkOptions(source, [isDmaBuf ? 'dmabuf' : 'memfd', 'offset', 'size'], 'source');
  const { offset = 0, size } = source;
  checkPages(offset, 'offset', page);
  const file = isDmaBuf ? source.dmabuf : source.memfd;
  if (file instanceof DmaBuf) {
    const rest = size ?? file.size - offset;
    checkImportSize(rest, offset, page, file.size);
    return createPlan(rest, options, page, (space) => space.importFile(file.fd, offset, rest));
  }
  checkInteger(file, isDmaBuf ? 'dmabuf' : 'memfd', 0, 2 ** 31 - 1);
  checkImportSize(size, offset, page, Number.MAX_SAFE_INTEGER);
  return createPlan(size, options, page, (space) => space.importFile(file, offset, size));
}

/** @param end - the largest end of the range, in bytes from the start of the file */
function checkImportSize(
  size: unknown,
  offset: number,
  page: number,
  end: number,
): asserts size is number {
  checkInteger(size, 'size', page, Number.MAX_SAFE_INTEGER);
  checkPages(size, 'size', page);
  if (offset + size <= end) return;
  throw new RangeError(`the range ends at ${hex(offset + size)}, past the end at ${hex(end)}`);
}

function createPlan<M extends DmaMemory>(
  size: number,
  options: DmaOptions,
  page: number,
  createMemory: (space: AddressSpace) => M,
): DmaPlan<M> {
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
  return {
    createMemory,
    size,
    access,
    flags: ACCESS_FLAGS[access],
    alignment: BigInt(alignment),
    iova,
  };
}

/** Checks that the size is a multiple of the page size, and at least one page. */
function checkSize(value: number, what: string, page: number): void {
  checkPages(value, what, page);
  if (value === 0)
    throw new RangeError(`${what} must be at least one page of ${page} bytes, not 0`);
  checkBufferSize(value, what);
}
