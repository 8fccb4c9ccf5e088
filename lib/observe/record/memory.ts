import type { Memory } from '../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_WRITE } from '../../contract/uapi.js';

const PAGE = 4096;

/** Bytes of a memory that are not what they were. */
export interface Change {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Memory of a program that a device may reach, and what it held when it was looked at last. */
export class WatchedMemory {
  readonly name: string;
  readonly #memory: Memory;
  readonly #seen: Uint8Array;
  /** What mappings let the device do. */
  #access = 0;

  constructor(name: string, memory: Memory) {
    this.name = name;
    this.#memory = memory;
    this.#seen = new Uint8Array(memory.size);
  }

  mapped(flags: number): void {
    this.#access |= flags;
  }

  get deviceWrites(): boolean {
    return (this.#access & VFIO_DMA_MAP_FLAG_WRITE) !== 0;
  }

  /** Whether nobody else has a reason to. */
  get onlyDeviceWrites(): boolean {
    return this.#access === VFIO_DMA_MAP_FLAG_WRITE;
  }

  /** What changed since the last time, in runs; of pages beside each other one. */
  changes(): Change[] {
    const { buffer } = this.#memory;
    // Released memory has none.
    if (buffer.byteLength < this.#seen.length) return [];
    const bytes = Buffer.from(buffer, 0, this.#seen.length);
    if (bytes.equals(this.#seen)) return [];
    const runs: { start: number; end: number }[] = [];
    for (let page = 0; page < bytes.length; page += PAGE) {
      const run = difference(bytes.subarray(page, page + PAGE), this.#seen.subarray(page));
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

/** From the first byte that differs to behind the last. */
function difference(now: Buffer, before: Uint8Array): { start: number; end: number } | null {
  if (now.compare(before, 0, now.length) === 0) return null;
  let start = 0;
  while (now[start] === before[start]) start++;
  let end = now.length;
  while (now[end - 1] === before[end - 1]) end--;
  return { start, end };
}
