import type { Memory } from '../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_WRITE } from '../../contract/uapi.js';

const PAGE = 4096;

/** A range of bytes that changed in DMA memory. */
export interface Change {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** DMA memory of a program, with a copy of the contents at the last comparison. */
export class WatchedMemory {
  readonly name: string;
  readonly #buffer: ArrayBuffer | SharedArrayBuffer;
  readonly #seen: Uint8Array;
  /** The flags VFIO_DMA_MAP_FLAG_READ and VFIO_DMA_MAP_FLAG_WRITE of all mappings so far. */
  #access = 0;

  constructor(name: string, memory: Memory) {
    this.name = name;
    this.#buffer = memory.buffer;
    this.#seen = new Uint8Array(memory.size);
  }

  /** Whether the memory was released. The buffer of released memory is detached. */
  get isDetached(): boolean {
    return this.#buffer.byteLength === 0;
  }

  /** Stores the flags of a mapping of this memory. */
  addMapping(flags: number): void {
    this.#access |= flags;
  }

  /** Whether a mapping lets the device write this memory. */
  get isDeviceWritable(): boolean {
    return (this.#access & VFIO_DMA_MAP_FLAG_WRITE) !== 0;
  }

  /** Whether the mappings let the device write, but not read, this memory. */
  get isWriteOnlyForDevice(): boolean {
    return this.#access === VFIO_DMA_MAP_FLAG_WRITE;
  }

  /**
   * Returns the bytes that changed since the last call. Each page has at most one range. Ranges
   * that meet at a page boundary are joined.
   */
  takeChanges(): Change[] {
    if (this.isDetached) return [];
    const bytes = Buffer.from(this.#buffer, 0, this.#seen.length);
    if (bytes.equals(this.#seen)) return [];
    const runs: { start: number; end: number }[] = [];
    for (let page = 0; page < bytes.length; page += PAGE) {
      const run = findDifference(bytes.subarray(page, page + PAGE), this.#seen.subarray(page));
      if (run === null) continue;
      const last = runs.at(-1);
      if (last?.end === page && run.start === 0) last.end = page + run.end;
      else runs.push({ start: page + run.start, end: page + run.end });
    }
    return runs.map(({ start, end }) => {
      const data = Uint8Array.from(bytes.subarray(start, end));
      this.#seen.set(data, start);
      return { offset: start, data };
    });
  }
}

/**
 * Returns the range from the first different byte to the last different byte. `end` is exclusive.
 */
function findDifference(now: Buffer, before: Uint8Array): { start: number; end: number } | null {
  if (now.compare(before, 0, now.length) === 0) return null;
  let start = 0;
  while (now[start] === before[start]) start++;
  let end = now.length;
  while (now[end - 1] === before[end - 1]) end--;
  return { start, end };
}
