import { closeSync, fstatSync, openSync, readSync, statfsSync, writeSync } from 'node:fs';
import { IOMMU_IOAS_MAP_FILE } from '../../../contract/file-mappings.js';
import { type DmaBufExport, findDmaBuf } from './dma-buf.js';
import { fail } from './errno.js';
import { HostMemory } from './host-memory.js';

/** Types of file systems whose pages IOMMU_IOAS_MAP_FILE pins: TMPFS_MAGIC, HUGETLBFS_MAGIC. */
const MEMORY_FILE_SYSTEMS = [0x0102_1994, 0x9584_58f6];

/** A part of a file that IOMMU_IOAS_MAP_FILE maps. */
export abstract class ImportedMemory extends HostMemory {
  /**
   * Makes the checks of the kernel that come before the checks of the IOVA.
   * @param end - the end of the mapping, in bytes from the start of this memory
   */
  abstract check(end: number): void;

  /** Makes the remaining checks. @returns the memory that the mapping reaches */
  abstract attach(end: number): HostMemory;
}

/**
 * Imports a part of a file. The descriptor is duplicated: JavaScript cannot duplicate a descriptor,
 * so the file is opened again.
 *
 * @throws VfioError EBADF if the descriptor is not open
 */
export function importFile(fd: number, offset: number, size: number): ImportedMemory {
  const dmabuf = findDmaBuf(fd);
  if (dmabuf !== undefined) return new DmaBufMemory(dmabuf, offset, size);
  try {
    fstatSync(fd);
  } catch {
    return fail('EBADF', 'fcntl');
  }
  return new MemfdMemory(reopen(fd), offset, size);
}

/** Opens the file of a descriptor again. Returns null if the file cannot be read and written. */
function reopen(fd: number): number | null {
  try {
    return openSync(`/proc/self/fd/${fd}`, 'r+');
  } catch {
    return null;
  }
}

/** Pages of a memfd, or of a file on tmpfs or hugetlbfs. */
class MemfdMemory extends ImportedMemory {
  readonly #fd: number | null;
  readonly #offset: number;

  constructor(fd: number | null, offset: number, size: number) {
    super(size, true);
    this.#fd = fd;
    this.#offset = offset;
  }

  override check(): void {
    // The kernel pins the pages of a memfd after the checks of the IOVA.
  }

  override attach(end: number): HostMemory {
    const fd = this.#fd;
    const isMemory =
      fd !== null && MEMORY_FILE_SYSTEMS.includes(statfsSync(`/proc/self/fd/${fd}`).type);
    if (!isMemory || this.#offset + end > fstatSync(fd).size) fail('EINVAL', IOMMU_IOAS_MAP_FILE);
    return this;
  }

  override copyOut(offset: number, into: Uint8Array): boolean {
    const { length } = into;
    return (
      this.#fd !== null && readSync(this.#fd, into, 0, length, this.#offset + offset) === length
    );
  }

  override copyIn(offset: number, from: Uint8Array): boolean {
    const { length } = from;
    return (
      this.#fd !== null && writeSync(this.#fd, from, 0, length, this.#offset + offset) === length
    );
  }

  protected override free(): void {
    if (this.#fd !== null) closeSync(this.#fd);
  }
}

/** A part of a dma-buf. Null stands for the dma-buf of a closed device. */
class DmaBufMemory extends ImportedMemory {
  readonly #dmabuf: DmaBufExport | null;
  readonly #offset: number;

  constructor(dmabuf: DmaBufExport | null, offset: number, size: number) {
    super(size, true);
    this.#dmabuf = dmabuf;
    this.#offset = offset;
  }

  override check(end: number): void {
    if (this.#dmabuf === null) return fail('ENODEV', IOMMU_IOAS_MAP_FILE);
    if (this.#offset + end > this.#dmabuf.size) fail('EINVAL', IOMMU_IOAS_MAP_FILE);
    if (this.#dmabuf.isRevoked) fail('ENODEV', IOMMU_IOAS_MAP_FILE);
    if (this.#dmabuf.ranges !== 1) fail('ENOTSUP', IOMMU_IOAS_MAP_FILE);
  }

  override attach(): HostMemory {
    if (this.#dmabuf === null) return fail('ENODEV', IOMMU_IOAS_MAP_FILE);
    return new AttachedDmaBuf(this.#dmabuf, this.#offset, this.size);
  }

  override copyOut(): boolean {
    return false;
  }

  override copyIn(): boolean {
    return false;
  }

  protected override free(): void {
    // The memory belongs to the exporting device.
  }
}

/** A mapping of a dma-buf, until the dma-buf is revoked. */
class AttachedDmaBuf extends HostMemory {
  readonly #dmabuf: DmaBufExport;
  readonly #offset: number;
  readonly #revocations: number;

  constructor(dmabuf: DmaBufExport, offset: number, size: number) {
    super(size, true);
    this.#dmabuf = dmabuf;
    this.#offset = offset;
    this.#revocations = dmabuf.revocations;
  }

  override copyOut(offset: number, into: Uint8Array): boolean {
    if (this.#dmabuf.revocations !== this.#revocations) return false;
    this.#dmabuf.read(this.#offset + offset, into);
    return true;
  }

  override copyIn(offset: number, from: Uint8Array): boolean {
    if (this.#dmabuf.revocations !== this.#revocations) return false;
    this.#dmabuf.write(this.#offset + offset, from);
    return true;
  }

  protected override free(): void {
    // The memory belongs to the exporting device.
  }
}
