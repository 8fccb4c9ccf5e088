import { VfioError } from '../../../errors.js';
import type {
  AddressSpace,
  DmaMemory,
  ExternalMemory,
  HugePages,
  IovaRange,
  Memory,
} from '../../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_WRITE } from '../../../contract/uapi.js';
import {
  explainFileMapping,
  IOMMU_IOAS_MAP_FILE,
  NO_FILE_MAPPINGS,
} from '../../../contract/file-mappings.js';
import { Lifetime } from '../../../contract/lifetime.js';
import { checkU32, checkU64, U64_MAX } from '../../../checks.js';
import { checkImportArguments, checkMapArguments } from '../../../contract/call-arguments.js';
import { fail } from './errno.js';
import { Faults } from './faults.js';
import { ExternalHostMemory, HostMemory } from './host-memory.js';
import { ImportedMemory, importFile } from './imported-memory.js';
import { allocate, mapFile, share } from './memory.js';
import { DmaFault } from './dma-fault.js';
import { profileOf } from './profile.js';
import type { DmaRules } from './dma-rules.js';
import { defaultLimits, type DmaLimits } from './limits.js';
import { Mappings } from './mappings.js';
import { type1 } from './type1.js';

/**
 * An address space of an emulated IOMMU. The address space maps and unmaps memory by the rules of
 * one kernel interface. When a device does DMA, the address space translates the IOVAs.
 */
export class MockAddressSpace implements AddressSpace {
  readonly #mappings = new Mappings();
  readonly #path: string;
  readonly #rules: DmaRules;
  readonly #limits: DmaLimits;
  readonly #faults: Faults;
  readonly #lifetime: Lifetime;

  /** @param path - name of the device, for error messages */
  constructor(
    path: string,
    rules?: DmaRules,
    limits: DmaLimits = defaultLimits(),
    faults = new Faults(),
  ) {
    this.#path = path;
    this.#rules = rules ?? type1(profileOf(), limits);
    this.#limits = limits;
    this.#faults = faults;
    this.#lifetime = new Lifetime('the address space is closed', path);
  }

  get pageSizes(): bigint {
    this.#lifetime.check();
    return this.#rules.pageSizes;
  }

  ranges(): IovaRange[] {
    this.#lifetime.check();
    return [...this.#limits.ranges];
  }

  allocate(size: number, hugePages: HugePages): Memory {
    this.#lifetime.check();
    return this.#addPath(() => {
      this.#faults.check('allocate');
      return allocate(size, hugePages);
    });
  }

  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory {
    this.#lifetime.check();
    return mapFile(fd, offset, size, writable);
  }

  importFile(fd: number, offset: number, size: number): DmaMemory {
    checkImportArguments(fd, offset, size);
    this.#lifetime.check();
    this.#checkFiles();
    return this.#addPath(() => importFile(fd, offset, size));
  }

  fromShared(buffer: SharedArrayBuffer): Memory {
    this.#lifetime.check();
    return share(buffer);
  }

  fromExternal(memory: ExternalMemory): DmaMemory {
    this.#lifetime.check();
    return new ExternalHostMemory(memory);
  }

  map(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number): Promise<void> {
    return new Promise((resolve) => {
      this.mapSync(memory, offset, size, iova, flags);
      resolve();
    });
  }

  mapSync(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number): void {
    this.#lifetime.check();
    if (!(memory instanceof HostMemory)) {
      throw new TypeError('memory belongs to another back end: allocate it by this address space');
    }
    checkMapArguments(memory, offset, size, iova, flags);
    memory.checkOpen();
    const imported = memory instanceof ImportedMemory ? memory : null;
    if (imported !== null) this.#checkFiles();
    this.#addPath(() => {
      this.#faults.check('map', imported === null ? this.#rules.mapCall : IOMMU_IOAS_MAP_FILE);
      const request = { offset, size, iova, flags, imported };
      if (!this.#rules.prepareMap(this.#mappings, request)) return;
      const reached = imported?.attach(offset + Number(size)) ?? memory;
      this.#checkPin(reached, size, flags);
      this.#mappings.add({ iova, size, flags, memory: reached, offset });
    });
  }

  unmap(iova: bigint, size: bigint, flags: number): bigint {
    this.#lifetime.check();
    checkU64(iova, 'iova');
    checkU64(size, 'size');
    checkU32(flags, 'flags');
    return this.#addPath(() => {
      this.#faults.check('unmap', this.#rules.unmapCall);
      return this.#rules.unmap(this.#mappings, iova, size, flags);
    });
  }

  /**
   * Whether a mapping overlaps a range.
   *
   * @param last - the last address of the range
   * @throws VfioError EBADF if the address space is closed
   */
  isMapped(start: bigint, last: bigint): boolean {
    this.#lifetime.check();
    return this.#mappings.overlaps(start, last);
  }

  /**
   * Reads memory by DMA.
   *
   * @throws DmaFault at the first byte that the device is not allowed to read
   */
  read(iova: bigint, into: Uint8Array): void {
    this.#transfer(iova, into, this.#rules.readable, (memory, offset, bytes) =>
      memory.copyOut(offset, bytes),
    );
  }

  /**
   * Writes memory by DMA.
   *
   * @throws DmaFault at the first byte that the device is not allowed to write; all bytes before
   *   the fault are written
   */
  write(iova: bigint, from: Uint8Array): void {
    this.#transfer(iova, from, VFIO_DMA_MAP_FLAG_WRITE, (memory, offset, bytes) =>
      memory.copyIn(offset, bytes),
    );
  }

  /**
   * Unmaps everything. Idempotent.
   *
   * @param hint - reason why the address space is closed, if the program did not close the last
   *   device of the group
   */
  close(hint?: string): void {
    if (this.#lifetime.end(hint)) this.#mappings.remove(0n, U64_MAX);
  }

  /** @throws VfioError ENOTSUP if the address space belongs to a container */
  #checkFiles(): void {
    if (this.#rules.mapsFiles) return;
    throw new VfioError({
      code: 'ENOTSUP',
      message: 'a container maps only memory of the process',
      path: this.#path,
      hint: NO_FILE_MAPPINGS,
    });
  }

  /**
   * Checks whether the memory can be pinned. The kernel makes this check after all other checks of
   * a request.
   */
  #checkPin(memory: HostMemory, size: bigint, flags: number): void {
    const { mapCall } = this.#rules;
    const write = (flags & VFIO_DMA_MAP_FLAG_WRITE) !== 0;
    if (write && !memory.writable) fail('EFAULT', mapCall);
    if (this.#mappings.bytes + size > this.#limits.memlock) fail('ENOMEM', mapCall);
  }

  #transfer(
    iova: bigint,
    bytes: Uint8Array,
    access: number,
    copy: (memory: HostMemory, offset: number, part: Uint8Array) => boolean,
  ): void {
    for (let done = 0; done < bytes.length;) {
      const at = iova + BigInt(done);
      const mapping = this.#mappings.at(at);
      if (mapping === undefined) throw new DmaFault(at, 'not mapped');
      if ((mapping.flags & access) === 0) throw new DmaFault(at, 'not permitted');
      const within = Number(at - mapping.iova);
      const length = Math.min(bytes.length - done, Number(mapping.size) - within);
      // Most transfers lie within one mapping. The call then needs no second array.
      const part = length === bytes.length ? bytes : bytes.subarray(done, done + length);
      if (!copy(mapping.memory, mapping.offset + within, part)) {
        throw new DmaFault(at, 'not mapped');
      }
      done += length;
    }
  }

  #addPath<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      const isFile = error.syscall === IOMMU_IOAS_MAP_FILE;
      throw error.with({
        path: this.#path,
        hint: isFile ? explainFileMapping(error.code) : undefined,
      });
    }
  }
}
