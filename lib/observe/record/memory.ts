import type { Memory } from '../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../../contract/uapi.js';

const PAGE = 4096;
const WORD = 4;
const WORDS_PER_PAGE = PAGE / WORD;

/** A range of bytes that changed in DMA memory. The range consists of aligned words of 4 bytes. */
export interface Change {
  readonly offset: number;
  readonly data: Uint8Array;
  /** The number of earlier changes of these bytes. */
  readonly count: number;
}

/** A range of words. `end` is exclusive. */
interface Run {
  readonly start: number;
  end: number;
  count: number;
}

/**
 * DMA memory of a program. The program and the device write the memory without a call, so this
 * class compares the memory with copies. A word that changed while the program did not run is a
 * word of the device, from then on for ever.
 */
export class WatchedMemory {
  readonly name: string;
  readonly #buffer: ArrayBuffer | SharedArrayBuffer;
  /** The contents at the last look. */
  readonly #seen: Uint32Array;
  /** The contents according to the record. */
  readonly #recorded: Uint32Array;
  /** For each word, 1 if the device was seen to change the word. */
  readonly #isDevices: Uint8Array;
  /** For each word, the number of changes by the program. */
  readonly #counts: Uint32Array;
  /** The flags VFIO_DMA_MAP_FLAG_READ and VFIO_DMA_MAP_FLAG_WRITE of all mappings so far. */
  #access = 0;
  #isReachable = false;
  /** Whether the contents at the last look can differ from the record. */
  #isChanged = false;

  constructor(name: string, memory: Memory) {
    this.name = name;
    this.#buffer = memory.buffer;
    const words = memory.size / WORD;
    this.#seen = new Uint32Array(words);
    this.#recorded = new Uint32Array(words);
    this.#counts = new Uint32Array(words);
    this.#isDevices = new Uint8Array(words);
  }

  /** Whether the memory was released. The buffer of released memory is detached. */
  get isDetached(): boolean {
    return this.#buffer.byteLength === 0;
  }

  /** Stores the flags of a mapping of this memory. */
  addMapping(flags: number): void {
    this.#access |= flags;
  }

  /**
   * Called when the program writes a register of the device. The write can contain the address of
   * any mapped memory. Before the first such write, no change can come from the device.
   */
  makeReachable(): void {
    this.#isReachable ||= this.#access !== 0;
  }

  /** Whether both the program and the device can have written a change of this memory. */
  get isAmbiguous(): boolean {
    return this.#isReachable && this.#access === (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
  }

  /**
   * Compares the memory with the last look.
   *
   * @param onlyDevice - whether only the device can have written since the last look
   */
  look(onlyDevice: boolean): void {
    if (this.isDetached) return;
    const now = new Uint32Array(this.#buffer, 0, this.#seen.length);
    for (const page of differentPages(now, this.#seen)) {
      // The device can write during the comparison, so the comparison uses a copy.
      const words = now.slice(page, page + WORDS_PER_PAGE);
      if (onlyDevice && this.isAmbiguous) {
        words.forEach((word, i) => {
          if (word !== this.#seen[page + i]) this.#isDevices[page + i] = 1;
        });
      }
      this.#seen.set(words, page);
      this.#isChanged = true;
    }
  }

  /** Returns the changes that the device made and that the record does not contain yet. */
  takeDeviceChanges(): Change[] {
    // The device does not see what the program writes to write-only memory.
    if (this.#access === VFIO_DMA_MAP_FLAG_WRITE) return this.#take(() => true, false);
    return this.#take((word) => this.#isDevices[word] === 1, false);
  }

  /**
   * Returns the changes that the program made and that the record does not contain yet.
   *
   * @param splits - whether adjacent words become separate changes if their counts differ
   */
  takeProgramChanges(splits: boolean): Change[] {
    const changes = this.#take((word) => this.#isDevices[word] === 0, splits);
    for (const { offset, data } of changes) {
      const start = offset / WORD;
      for (let word = start; word < start + data.length / WORD; word++) {
        this.#counts[word] = (this.#counts[word] ?? 0) + 1;
      }
    }
    return changes;
  }

  #take(isWanted: (word: number) => boolean, splits: boolean): Change[] {
    const runs: Run[] = [];
    if (!this.#isChanged) return [];
    const pages = differentPages(this.#seen, this.#recorded);
    this.#isChanged = pages.length > 0;
    for (const page of pages) {
      for (let word = page; word < page + WORDS_PER_PAGE; word++) {
        if (this.#seen[word] === this.#recorded[word] || !isWanted(word)) continue;
        const count = this.#counts[word] ?? 0;
        const last = runs.at(-1);
        if (last?.end === word && (!splits || last.count === count)) {
          last.end++;
          last.count = Math.max(last.count, count);
        } else {
          runs.push({ start: word, end: word + 1, count });
        }
      }
    }
    return runs.map(({ start, end, count }) => {
      const words = this.#seen.slice(start, end);
      this.#recorded.set(words, start);
      return { offset: start * WORD, data: new Uint8Array(words.buffer), count };
    });
  }
}

/** Returns the first word of each page whose contents differ. */
function differentPages(one: Uint32Array, other: Uint32Array): number[] {
  const bytes = Buffer.from(one.buffer, one.byteOffset, one.byteLength);
  const others = Buffer.from(other.buffer, other.byteOffset, other.byteLength);
  if (bytes.equals(others)) return [];
  const pages: number[] = [];
  for (let page = 0; page < bytes.length; page += PAGE) {
    const part = bytes.subarray(page, page + PAGE);
    if (!part.equals(others.subarray(page, page + PAGE))) pages.push(page / WORD);
  }
  return pages;
}
