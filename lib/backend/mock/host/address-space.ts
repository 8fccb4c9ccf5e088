import { VfioError } from '../../../errors.js';
import type { AddressSpace, HugePages, IovaRange, Memory } from '../../contract.js';
import {
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
} from '../../uapi.js';
import { checkInteger, checkU32, checkU64, PAGE_SIZE, U64_MAX } from '../checks.js';
import { allocate, mapFile, MockMemory, share } from '../memory.js';
import { DmaFault } from '../models/model.js';

const MAP = 'VFIO_IOMMU_MAP_DMA';
const UNMAP = 'VFIO_IOMMU_UNMAP_DMA';
const VFIO_DMA_MAP_FLAG_VADDR = 1 << 2;
const PAGE = BigInt(PAGE_SIZE);
/** Default of the module parameter dma_entry_limit. */
const ENTRY_LIMIT = 65535;

interface Mapping {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  readonly memory: MockMemory;
  readonly offset: number;
}

/**
 * A type 1 (v2) container with its IOMMU: the rules of VFIO_IOMMU_MAP_DMA and _UNMAP_DMA, and the
 * translation of what a device reads and writes. The checks are in the kernel's order.
 */
export class MockAddressSpace implements AddressSpace {
  readonly pageSizes = U64_MAX - PAGE + 1n;
  /** By IOVA, ascending; they do not overlap. */
  readonly #mappings: Mapping[] = [];
  readonly #path: string;
  #closed = false;

  /** @param path - the device it is of, for errors */
  constructor(path: string) {
    this.#path = path;
  }

  /** What an x86 host has: 48 bits without the addresses that are interrupts. */
  ranges(): IovaRange[] {
    this.#checkOpen();
    return [
      { start: 0n, end: 0xfedf_ffffn },
      { start: 0xfef0_0000n, end: 0xffff_ffff_ffffn },
    ];
  }

  allocate(size: number, hugePages: HugePages): Memory {
    return allocate(size, hugePages);
  }

  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory {
    return mapFile(fd, offset, size, writable);
  }

  fromShared(buffer: SharedArrayBuffer): Memory {
    return share(buffer);
  }

  map(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): Promise<void> {
    return new Promise((resolve) => {
      this.mapSync(memory, offset, size, iova, flags);
      resolve();
    });
  }

  mapSync(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): void {
    this.#checkOpen();
    if (!(memory instanceof MockMemory)) throw new TypeError('memory is not of this back end');
    checkInteger(offset, 'offset', 0, memory.size);
    checkU64(size, 'size');
    checkU64(iova, 'iova');
    checkU32(flags, 'flags');
    if (BigInt(offset) + size > BigInt(memory.size)) {
      throw new RangeError(`${size} bytes from ${offset} are not within ${memory.size}`);
    }
    const index = this.#place(offset, size, iova, flags);
    const tooShort = BigInt(offset) + size > BigInt(memory.mappable);
    if (tooShort || ((flags & VFIO_DMA_MAP_FLAG_WRITE) !== 0 && !memory.writable)) {
      this.#fail('EFAULT', MAP);
    }
    memory.pin();
    this.#mappings.splice(index, 0, { iova, size, flags, memory, offset });
  }

  unmap(iova: bigint, size: bigint, flags: number): bigint {
    this.#checkOpen();
    checkU64(iova, 'iova');
    checkU64(size, 'size');
    checkU32(flags, 'flags');
    const all = flags === VFIO_DMA_UNMAP_FLAG_ALL;
    // Neither dirty tracking nor the exchange of addresses goes on here: their flags are wrong.
    if (flags !== 0 && !all) this.#fail('EINVAL', UNMAP);
    if (iova % PAGE !== 0n) this.#fail('EINVAL', UNMAP);
    if (all) {
      if (iova !== 0n || size !== 0n) this.#fail('EINVAL', UNMAP);
      return this.#remove(0, this.#mappings.length);
    }
    if (size === 0n || size % PAGE !== 0n) this.#fail('EINVAL', UNMAP);
    if (iova + size - 1n > U64_MAX) this.#fail('EOVERFLOW', UNMAP);
    const end = iova + size;
    if (this.#cuts(iova) || this.#cuts(end)) this.#fail('EINVAL', UNMAP);
    return this.#remove(this.#after(iova), this.#after(end));
  }

  /** DMA read by the device. @throws DmaFault at the first byte it may not read */
  read(iova: bigint, into: Uint8Array): void {
    this.#transfer(iova, into, VFIO_DMA_MAP_FLAG_READ, (memory, offset, bytes) => {
      memory.copyOut(offset, bytes);
    });
  }

  /** DMA write by the device. What lies before a fault is written. */
  write(iova: bigint, from: Uint8Array): void {
    this.#transfer(iova, from, VFIO_DMA_MAP_FLAG_WRITE, (memory, offset, bytes) => {
      memory.copyIn(offset, bytes);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#remove(0, this.#mappings.length);
  }

  /** Checks a mapping as vfio_dma_do_map(). @returns where it goes among the others */
  #place(offset: number, size: bigint, iova: bigint, flags: number): number {
    const access = flags & (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
    const vaddr = (flags & VFIO_DMA_MAP_FLAG_VADDR) !== 0;
    if ((flags & ~(access | VFIO_DMA_MAP_FLAG_VADDR)) !== 0 || size === 0n)
      this.#fail('EINVAL', MAP);
    const last = iova + size - 1n;
    if (last > U64_MAX) this.#fail('EOVERFLOW', MAP);
    if (vaddr === (access !== 0)) this.#fail('EINVAL', MAP);
    const start = BigInt(offset);
    if (size % PAGE !== 0n || iova % PAGE !== 0n || start % PAGE !== 0n) this.#fail('EINVAL', MAP);
    const index = this.#after(iova);
    const before = this.#mappings[index - 1];
    const next = this.#mappings[index];
    const overlaps =
      (before !== undefined && before.iova + before.size > iova) ||
      (next !== undefined && next.iova <= last);
    // No mapping's address was invalidated, so there is none to be given anew.
    if (vaddr) this.#fail(overlaps ? 'EINVAL' : 'ENOENT', MAP);
    if (overlaps) this.#fail('EEXIST', MAP);
    if (this.#mappings.length >= ENTRY_LIMIT) this.#fail('ENOSPC', MAP);
    const allowed = this.ranges().some((range) => range.start <= iova && last <= range.end);
    if (!allowed) this.#fail('EINVAL', MAP);
    return index;
  }

  #transfer(
    iova: bigint,
    bytes: Uint8Array,
    access: number,
    copy: (memory: MockMemory, offset: number, part: Uint8Array) => void,
  ): void {
    for (let done = 0; done < bytes.length;) {
      const at = iova + BigInt(done);
      const mapping = this.#covering(at);
      if (mapping === undefined) throw new DmaFault(at, 'not mapped');
      if ((mapping.flags & access) === 0) throw new DmaFault(at, 'not permitted');
      const within = Number(at - mapping.iova);
      const length = Math.min(bytes.length - done, Number(mapping.size) - within);
      copy(mapping.memory, mapping.offset + within, bytes.subarray(done, done + length));
      done += length;
    }
  }

  #covering(iova: bigint): Mapping | undefined {
    const index = this.#after(iova);
    const next = this.#mappings[index];
    if (next?.iova === iova) return next;
    const before = this.#mappings[index - 1];
    return before !== undefined && iova < before.iova + before.size ? before : undefined;
  }

  /** Whether an address lies inside a mapping and not at its start. */
  #cuts(iova: bigint): boolean {
    const mapping = this.#covering(iova);
    return mapping !== undefined && mapping.iova !== iova;
  }

  /** Index of the first mapping that does not begin before an address. */
  #after(iova: bigint): number {
    let low = 0;
    let high = this.#mappings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const mapping = this.#mappings[middle];
      if (mapping !== undefined && mapping.iova < iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #remove(from: number, to: number): bigint {
    let removed = 0n;
    for (const { size, memory } of this.#mappings.splice(from, to - from)) {
      removed += size;
      memory.unpin();
    }
    return removed;
  }

  #fail(code: string, syscall: string): never {
    throw new VfioError({ code, syscall, path: this.#path });
  }

  #checkOpen(): void {
    if (this.#closed) throw new TypeError('address space is closed');
  }
}
