import type { Memory } from '../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../../contract/uapi.js';

const PAGE = 4096;
const WORD = 4;
const WORDS_PER_PAGE = PAGE / WORD;

/** A range of bytes that changed in DMA memory. The range consists of aligned words of 4 bytes. */
export interface Change {
  /** Bytes from the start of the memory. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
  /** The new contents, two hex digits for each byte. */
  readonly data: string;
  /** The number of earlier changes of these bytes. */
  readonly count: number;
}

/** The first and the last of some words. */
interface Span {
  first: number;
  last: number;
}

const NO_SPAN: Span = { first: 0, last: -1 };

/** The owners of a word. */
const PROGRAM = 0;
const DEVICE = 1;
const ANYONE = 2;

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
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  /** The contents at the last look. */
  readonly #seen: Uint32Array;
  readonly #seenBytes: Buffer;
  /** The contents according to the record. */
  readonly #recorded: Uint32Array;
  /** For each word, {@link DEVICE} if the device was seen to change the word. */
  readonly #isDevices: Uint8Array;
  /** For each word, the number of changes by the program. */
  readonly #counts: Uint32Array;
  /** The flags VFIO_DMA_MAP_FLAG_READ and VFIO_DMA_MAP_FLAG_WRITE of all mappings so far. */
  #access = 0;
  #isReachable = false;
  /** The changed words of each page whose contents at the last look differ from the record. */
  readonly #changed = new Map<number, Span>();

  constructor(name: string, memory: Memory) {
    this.name = name;
    const words = memory.size / WORD;
    this.#words = new Uint32Array(memory.buffer, 0, words);
    this.#bytes = Buffer.from(memory.buffer, 0, memory.size);
    this.#seen = new Uint32Array(words);
    this.#seenBytes = Buffer.from(this.#seen.buffer);
    this.#recorded = new Uint32Array(words);
    this.#counts = new Uint32Array(words);
    this.#isDevices = new Uint8Array(words);
  }

  /** Whether the memory was released. The buffer of released memory is detached. */
  get isDetached(): boolean {
    return this.#words.length === 0;
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
    const isDevice = onlyDevice && this.isAmbiguous;
    const [bytes, seen] = [this.#bytes, this.#seenBytes];
    if (bytes.equals(seen)) return;
    for (let page = 0; page < seen.length; page += PAGE) {
      if (bytes.compare(seen, page, page + PAGE, page, page + PAGE) === 0) continue;
      this.#lookAtPage(page / WORD, isDevice);
    }
  }

  /** The device can write during the comparison, so each word is read once. */
  #lookAtPage(page: number, isDevice: boolean): void {
    const [now, seen] = [this.#words, this.#seen];
    let first = -1;
    let last = -1;
    for (let word = page; word < page + WORDS_PER_PAGE; word++) {
      const value = now[word] ?? 0;
      if (value === seen[word]) continue;
      seen[word] = value;
      if (isDevice) this.#isDevices[word] = DEVICE;
      if (first < 0) first = word;
      last = word;
    }
    if (first < 0) return;
    const span = this.#changed.get(page);
    if (span === undefined) {
      this.#changed.set(page, { first, last });
    } else {
      span.first = Math.min(span.first, first);
      span.last = Math.max(span.last, last);
    }
  }

  /** Returns the changes that the device made and that the record does not contain yet. */
  takeDeviceChanges(): Change[] {
    // The device does not see what the program writes to write-only memory.
    if (this.#access === VFIO_DMA_MAP_FLAG_WRITE) return this.#take(ANYONE, false);
    return this.#take(DEVICE, false);
  }

  /**
   * Returns the changes that the program made and that the record does not contain yet.
   *
   * @param splits - whether adjacent words become separate changes if their counts differ
   */
  takeProgramChanges(splits: boolean): Change[] {
    const changes = this.#take(PROGRAM, splits);
    for (const { offset, length } of changes) {
      for (let word = offset / WORD; word < (offset + length) / WORD; word++) {
        this.#counts[word] = (this.#counts[word] ?? 0) + 1;
      }
    }
    return changes;
  }

  /** @param owner - the value in `#isDevices` of the wanted words, or {@link ANYONE} */
  #take(owner: number, splits: boolean): Change[] {
    if (this.#changed.size === 0) return [];
    const [seen, recorded] = [this.#seen, this.#recorded];
    const runs: Run[] = [];
    for (const page of [...this.#changed.keys()].sort((a, b) => a - b)) {
      const { first, last } = this.#changed.get(page) ?? NO_SPAN;
      let isComplete = true;
      for (let word = first; word <= last; word++) {
        if (seen[word] === recorded[word]) continue;
        if (owner !== ANYONE && this.#isDevices[word] !== owner) {
          isComplete = false;
          continue;
        }
        const count = this.#counts[word] ?? 0;
        const run = runs.at(-1);
        if (run?.end === word && (!splits || run.count === count)) {
          run.end++;
          run.count = Math.max(run.count, count);
        } else {
          runs.push({ start: word, end: word + 1, count });
        }
      }
      if (isComplete) this.#changed.delete(page);
    }
    return runs.map(({ start, end, count }) => {
      for (let word = start; word < end; word++) recorded[word] = seen[word] ?? 0;
      const data = this.#seenBytes.toString('hex', start * WORD, end * WORD);
      return { offset: start * WORD, length: (end - start) * WORD, data, count };
    });
  }
}
