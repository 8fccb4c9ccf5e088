import type {
  AddressSpace,
  DmaMemory,
  HugePages,
  IovaRange,
  Memory,
} from '../../lib/contract/index.js';
import { hex, type Script } from './fake-script.js';

export class FakeMemory implements Memory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  released = false;

  constructor(
    readonly script: Script,
    readonly what: string,
    readonly size: number,
    buffer?: SharedArrayBuffer,
  ) {
    this.buffer = buffer ?? new ArrayBuffer(size);
  }

  release(): void {
    if (this.released) throw new Error('released twice');
    this.released = true;
    this.script.calls.push(`memory.release ${this.what}`);
    if (this.buffer instanceof ArrayBuffer)
      structuredClone(this.buffer, { transfer: [this.buffer] });
  }
}

export class FakeAddressSpace implements AddressSpace {
  pageSizes = 0xffff_ffff_ffff_f000n;
  usable: IovaRange[] = [{ start: 0n, end: 0xfedf_ffffn }];
  readonly mapped = new Map<bigint, bigint>();
  readonly memories: FakeMemory[] = [];
  /** Functions that each complete one pending mapping. */
  readonly gates: (() => void)[] = [];
  gated = false;

  constructor(readonly script: Script) {}

  ranges(): IovaRange[] {
    this.script.enter('ranges');
    return this.usable;
  }

  allocate(size: number, hugePages: HugePages): Memory {
    this.script.enter('allocate', size, hugePages);
    return this.#addMemory(new FakeMemory(this.script, `${size}`, size));
  }

  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory {
    this.script.enter('fromFd', fd, offset, size, writable);
    return this.#addMemory(new FakeMemory(this.script, `fd${fd}`, size));
  }

  importFile(fd: number, offset: number, size: number): DmaMemory {
    this.script.enter('importFile', fd, offset, size);
    return this.#addMemory(new FakeMemory(this.script, `file${fd}`, size));
  }

  fromShared(buffer: SharedArrayBuffer): Memory {
    this.script.enter('fromShared', buffer.byteLength);
    return this.#addMemory(new FakeMemory(this.script, 'shared', buffer.byteLength, buffer));
  }

  fromExternal(): never {
    throw new Error('no test uses external memory');
  }

  async map(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number) {
    if (this.gated) await new Promise<void>((resolve) => this.gates.push(resolve));
    else await Promise.resolve();
    // A mapping that is in progress completes even if the device is closed during the call.
    const { closed } = this.script;
    this.script.closed = false;
    try {
      this.mapSync(memory, offset, size, iova, flags);
    } finally {
      this.script.closed = closed;
    }
  }

  mapSync(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number): void {
    this.script.enter('map', hex(iova), size, `flags=${flags}`, `offset=${offset}`);
    if (memory.size < Number(size)) throw new Error('memory is too small');
    this.mapped.set(iova, size);
  }

  unmap(iova: bigint, size: bigint, flags: number): bigint {
    this.script.enter('unmap', hex(iova), size, `flags=${flags}`);
    let unmapped = 0n;
    for (const [start, bytes] of this.mapped) {
      if (start < iova || start + bytes > iova + size) continue;
      this.mapped.delete(start);
      unmapped += bytes;
    }
    return unmapped;
  }

  #addMemory(memory: FakeMemory): FakeMemory {
    this.memories.push(memory);
    return memory;
  }
}
