import {
  checkBoolean,
  checkBufferSize,
  checkChoice,
  checkInteger,
  checkPages,
  checkU32,
  checkU64,
  PAGE_SIZE,
  U64_MAX,
} from '../../checks.js';
import { checkImportArguments, checkMapArguments } from '../../contract/call-arguments.js';
import type {
  AddressSpace,
  DmaMemory,
  ExternalMemory,
  HugePages,
  IovaRange,
  Memory,
} from '../../contract/index.js';
import { HUGE_PAGES } from '../../contract/memory.js';
import {
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
} from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import type { Native } from '../../native/binding.js';
import { MAX_DMA_MAPS, VFIO_USER_DMA_MAP, VFIO_USER_DMA_UNMAP } from '../../vfio-user/protocol.js';
import type { DmaMappings, Mapping } from './dma-mappings.js';
import {
  externalBacking,
  fileBacking,
  OwnMemory,
  SharedMemory,
  sharedBufferBacking,
} from './memory.js';
import { MemoryPool } from './memory-pool.js';
import { ignoreReply, LONG_ANSWER_TIME, type Session } from './session.js';

const MAP = 'VFIO_IOMMU_MAP_DMA';
const UNMAP = 'VFIO_IOMMU_UNMAP_DMA';
/** Bytes of the payload of VFIO_USER_DMA_MAP and of VFIO_USER_DMA_UNMAP. */
const MAP_SIZE = 32;
const UNMAP_SIZE = 24;
const ACCESS = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
const FD_MAX = 2 ** 31 - 1;
const PAGE = BigInt(PAGE_SIZE);

/**
 * The memory that the server can reach. The rules of mappings are the rules of a VFIO container. A
 * server that has ended reaches no memory, so mappings can be removed after its end.
 */
export class UserAddressSpace implements AddressSpace {
  readonly #native: Native;
  readonly #session: Session;
  readonly #mappings: DmaMappings;
  readonly #pool: MemoryPool;
  readonly #ranges: readonly IovaRange[];
  #isClosed = false;

  /** @param ranges - the addresses that the device can use */
  constructor(
    native: Native,
    session: Session,
    mappings: DmaMappings,
    ranges: readonly IovaRange[],
  ) {
    this.#native = native;
    this.#session = session;
    this.#mappings = mappings;
    this.#pool = new MemoryPool(native);
    this.#ranges = ranges;
  }

  get pageSizes(): bigint {
    this.#session.check();
    return PAGE;
  }

  ranges(): IovaRange[] {
    this.#session.check();
    return [...this.#ranges];
  }

  allocate(size: number, hugePages: HugePages): Memory {
    checkBufferSize(size, 'size');
    checkChoice(hugePages, 'hugePages', HUGE_PAGES);
    this.#session.check();
    return this.#pool.allocate(size, hugePages);
  }

  /**
   * Maps a file. The server receives the descriptor, and maps the file, too. The program must not
   * shrink the file.
   */
  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory {
    checkInteger(fd, 'fd', 0, FD_MAX);
    checkPages(offset, 'offset');
    checkBufferSize(size, 'size');
    checkPages(size, 'size');
    checkBoolean(writable, 'writable');
    this.#session.check();
    const native = this.#native;
    const own = native.duplicate(fd);
    try {
      const { handle, buffer } = native.memoryMapFd(own, offset, size, writable);
      const backing = fileBacking(native, { fd: own, offset }, () => {
        native.memoryRelease(handle, buffer);
        native.close(own);
      });
      return new OwnMemory(buffer, backing);
    } catch (error) {
      native.close(own);
      throw error;
    }
  }

  /**
   * Uses a part of a file. The server receives the descriptor and maps the file. A server cannot map
   * a dma-buf, because the kernel refuses to map the dma-buf of a BAR into a process.
   */
  importFile(fd: number, offset: number, size: number): DmaMemory {
    checkImportArguments(fd, offset, size);
    this.#session.check();
    const native = this.#native;
    const own = native.duplicate(fd);
    const backing = fileBacking(native, { fd: own, offset }, () => {
      native.close(own);
    });
    return new SharedMemory(size, backing);
  }

  /** Uses a SharedArrayBuffer. The server accesses the memory by messages. */
  fromShared(buffer: SharedArrayBuffer): Memory {
    if (!(buffer instanceof SharedArrayBuffer)) {
      throw new TypeError('buffer must be a SharedArrayBuffer');
    }
    checkInteger(buffer.byteLength, 'byteLength', 1, Number.MAX_SAFE_INTEGER);
    checkPages(buffer.byteLength, 'byteLength');
    this.#session.check();
    return new OwnMemory(buffer, sharedBufferBacking(buffer));
  }

  fromExternal(memory: ExternalMemory): DmaMemory {
    this.#session.check();
    return new SharedMemory(memory.size, externalBacking(memory));
  }

  async map(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number) {
    const mapping = this.#prepare(memory, offset, size, iova, flags);
    try {
      const fds = this.#startMap(mapping);
      await this.#session.request(ignoreReply, 0, LONG_ANSWER_TIME, fds);
    } catch (error) {
      this.#mappings.remove(mapping);
      throw error;
    }
  }

  mapSync(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number): void {
    const mapping = this.#prepare(memory, offset, size, iova, flags);
    try {
      const fds = this.#startMap(mapping);
      this.#session.exchange(0, LONG_ANSWER_TIME, fds);
    } catch (error) {
      this.#mappings.remove(mapping);
      throw error;
    }
  }

  unmap(iova: bigint, size: bigint, flags: number): bigint {
    checkU64(iova, 'iova');
    checkU64(size, 'size');
    checkU32(flags, 'flags');
    if (this.#isClosed) this.#session.check();
    const mappings = this.#mappings.select(iova, size, (flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0);
    if ((flags & ~VFIO_DMA_UNMAP_FLAG_ALL) !== 0 || mappings === null) fail('EINVAL', UNMAP);
    // The protocol allows the unmap of whole mappings only, one by one.
    let unmapped = 0n;
    for (const mapping of mappings.reverse()) {
      this.#unmapByServer(mapping);
      this.#mappings.remove(mapping);
      unmapped += mapping.size;
    }
    return unmapped;
  }

  /** Removes all mappings. The session is closed, so the server has lost the mappings. */
  close(): void {
    this.#isClosed = true;
    this.#mappings.clear();
    this.#pool.close();
  }

  /** Checks the arguments, and adds the mapping that the server then makes. */
  #prepare(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number): Mapping {
    this.#session.check();
    if (!(memory instanceof SharedMemory)) {
      throw new TypeError('memory belongs to another back end: allocate it by this address space');
    }
    checkMapArguments(memory, offset, size, iova, flags);
    const isAligned = iova % PAGE === 0n && size % PAGE === 0n && offset % PAGE_SIZE === 0;
    const isAccess = flags !== 0 && (flags & ~ACCESS) === 0;
    const isInvalid = size === 0n || !isAligned || !isAccess || iova + size - 1n > U64_MAX;
    if (isInvalid) fail('EINVAL', MAP);
    if (this.#mappings.overlaps({ iova, size })) fail('EEXIST', MAP);
    // The client has announced this limit to the server.
    if (this.#mappings.count >= MAX_DMA_MAPS) fail('ENOSPC', MAP);
    return this.#mappings.add({ memory, offset, size, iova, flags });
  }

  /** Starts the command of a mapping. @returns the descriptor of the memory */
  #startMap({ memory, offset, size, iova, flags }: Mapping): number[] | undefined {
    const { file } = memory.backing;
    const draft = this.#session.start(VFIO_USER_DMA_MAP, MAP_SIZE);
    draft.setU32(0, MAP_SIZE).setU32(4, flags);
    draft.setU53(8, file === null ? 0 : file.offset + offset);
    draft.setU64(16, iova).setU64(24, size);
    return file === null ? undefined : [file.fd];
  }

  /** Removes a mapping of the server. A server that has ended has no mappings. */
  #unmapByServer({ iova, size }: Mapping): void {
    if (this.#session.isGone()) return;
    try {
      const draft = this.#session.start(VFIO_USER_DMA_UNMAP, UNMAP_SIZE);
      draft.setU32(0, UNMAP_SIZE).setU32(4, 0).setU64(8, iova).setU64(16, size);
      this.#session.exchange(0, LONG_ANSWER_TIME);
    } catch (error) {
      if (!this.#session.isGone()) throw error;
    }
  }
}

function fail(code: string, syscall: string): never {
  throw new VfioError({ code, syscall });
}
