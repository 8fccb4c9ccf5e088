import { checkU32, PAGE_SIZE } from '../../checks.js';
import type { RegionInfo } from '../../contract/index.js';
import type { RegionArea } from '../../contract/region-mapping.js';
import {
  VFIO_PCI_BAR5_REGION_INDEX,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_REGION_INFO_CAP_SPARSE_MMAP,
  VFIO_REGION_INFO_FLAG_CAPS,
  VFIO_REGION_INFO_FLAG_MMAP,
  VFIO_REGION_INFO_FLAG_READ,
  VFIO_REGION_INFO_FLAG_WRITE,
} from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import type { FileKind, Native } from '../../native/binding.js';
import { VFIO_USER_DEVICE_GET_REGION_INFO } from '../../vfio-user/protocol.js';
import type { ReceivedMessages } from '../../vfio-user/received-messages.js';
import type { Session } from './session.js';

/** Bytes of struct vfio_region_info without capabilities. */
const INFO_SIZE = 32;
/** The largest reply with capabilities. */
const MAX_INFO = 65536;
const CONFIG_SIZES = [256, 4096];
const ACCESS = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
/**
 * The kinds of files that this process maps. An access to another file can wait for the server. The
 * SIGBUS handler of a window cannot replace a huge page of hugetlbfs.
 */
const MAPPED_KINDS: readonly FileKind[] = ['memory', 'device'];

/** A region, and the file by which the server shares a part of the region. */
export interface SharedRegion {
  readonly flags: number;
  /** Bytes. Infinity for a size of 2^53 or more. */
  readonly size: number;
  readonly bytes: bigint;
  /** The parts of the region that the file contains, in whole pages. */
  readonly areas: readonly RegionArea[];
  /** The descriptor of the file, or null if the server shares nothing. */
  readonly fd: number | null;
  /** The offset of the region in the file, in bytes. */
  readonly fileOffset: number;
}

/** The regions of the device. Each region is queried once. */
export class Regions {
  readonly #native: Native;
  readonly #session: Session;
  readonly #count: number;
  readonly #regions = new Map<number, SharedRegion>();

  /** @param count - the number of region indexes */
  constructor(native: Native, session: Session, count: number) {
    this.#native = native;
    this.#session = session;
    this.#count = count;
  }

  /**
   * Returns the properties of a region. A program can map every BAR, because registers that the
   * server does not share are accessed by messages.
   *
   * @throws {@link VfioError} EINVAL if the index is too large
   */
  info(index: number): RegionInfo {
    const { flags, bytes } = this.get(index);
    const isMappable = index <= VFIO_PCI_BAR5_REGION_INDEX && bytes > 0n;
    const mappable = isMappable ? VFIO_REGION_INFO_FLAG_MMAP : 0;
    return { index, flags: (flags & ACCESS) | mappable, size: bytes, capabilities: [] };
  }

  get(index: number): SharedRegion {
    const known = this.#regions.get(index);
    if (known !== undefined) return known;
    checkU32(index, 'region');
    if (index >= this.#count) {
      throw new VfioError({ code: 'EINVAL', syscall: 'VFIO_DEVICE_GET_REGION_INFO' });
    }
    const region = this.#query(index);
    this.#regions.set(index, region);
    return region;
  }

  /** Closes the files. */
  close(): void {
    for (const { fd } of this.#regions.values()) if (fd !== null) this.#native.close(fd);
    this.#regions.clear();
  }

  #query(index: number): SharedRegion {
    const first = this.#ask(index, INFO_SIZE);
    const needed = first.u32(0);
    const hasMore = (first.u32(4) & VFIO_REGION_INFO_FLAG_CAPS) !== 0 && needed > INFO_SIZE;
    if (needed > MAX_INFO)
      this.#session.refuse(`region ${index} has ${needed} bytes of information`);
    if (!hasMore) return this.#parse(index, first, this.#session.takeFds());
    for (const fd of this.#session.takeFds()) this.#native.close(fd);
    const reply = this.#ask(index, needed);
    return this.#parse(index, reply, this.#session.takeFds());
  }

  #ask(index: number, argsz: number): ReceivedMessages {
    const draft = this.#session.start(VFIO_USER_DEVICE_GET_REGION_INFO, INFO_SIZE);
    draft
      .setU32(0, argsz)
      .setU32(4, 0)
      .setU32(8, index)
      .setU32(12, 0)
      .setU64(16, 0n)
      .setU64(24, 0n);
    return this.#session.exchange(INFO_SIZE);
  }

  /** @param fds - the received descriptors; the result owns one, or none */
  #parse(index: number, reply: ReceivedMessages, fds: readonly number[]): SharedRegion {
    const [fd] = fds;
    let owned: number | null = null;
    try {
      const flags = reply.u32(4);
      const [bytes, size, fileOffset] = [reply.u64(16), reply.u53(16), reply.u53(24)];
      if (index === VFIO_PCI_CONFIG_REGION_INDEX && !CONFIG_SIZES.includes(size)) {
        this.#session.refuse(`configuration space has ${bytes} bytes, not 256 or 4096`);
      }
      const isShared = (flags & VFIO_REGION_INFO_FLAG_MMAP) !== 0 && fd !== undefined;
      const isUsable = isShared && Number.isSafeInteger(fileOffset + size);
      if (!isUsable || !MAPPED_KINDS.includes(this.#native.fileKind(fd))) {
        return { flags, size, bytes, areas: [], fd: null, fileOffset: 0 };
      }
      const sparse = findAreas(reply);
      const areas = (sparse ?? [{ offset: 0n, size: bytes }]).flatMap((area) =>
        wholePart(area, bytes),
      );
      owned = fd;
      return { flags, size, bytes, areas, fd, fileOffset };
    } finally {
      for (const one of fds) if (one !== owned) this.#native.close(one);
    }
  }
}

/**
 * Returns the areas of the capability VFIO_REGION_INFO_CAP_SPARSE_MMAP, or null without the
 * capability.
 */
function findAreas(reply: ReceivedMessages): RegionArea[] | null {
  const end = reply.payloadSize;
  // Each element of the chain has 8 bytes, so the number of steps is limited.
  let at = reply.u32(12);
  for (let left = end / 8; left > 0 && at >= INFO_SIZE && at + 16 <= end; left--) {
    if (reply.u16(at) === VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
      const count = Math.min(reply.u32(at + 8), Math.floor((end - at - 16) / 16));
      return Array.from({ length: count }, (_, i) => ({
        offset: reply.u64(at + 16 + 16 * i),
        size: reply.u64(at + 24 + 16 * i),
      }));
    }
    at = reply.u32(at + 4);
  }
  return null;
}

/** Returns the whole pages of an area that are inside a region. */
function wholePart({ offset, size }: RegionArea, region: bigint): RegionArea[] {
  const page = BigInt(PAGE_SIZE);
  const start = ((offset + page - 1n) / page) * page;
  const limit = offset + size < region ? offset + size : region;
  const end = limit - (limit % page);
  return end > start ? [{ offset: start, size: end - start }] : [];
}
