import { type ComparedMemory, takeChangedWords } from '../../changes.js';
import type { Memory } from '../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../../contract/uapi.js';

const WORD = 4;

/** A range of bytes that changed in DMA memory. The range consists of aligned words of 4 bytes. */
export interface Change {
  /** The name of the memory. */
  readonly name: string;
  /** Bytes from the start of the memory. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
  /** The contents of the whole memory. Valid until the next look. */
  readonly contents: Buffer;
  /** The number of earlier changes of these bytes. */
  readonly count: number;
}

/**
 * Number of runs of changed words at which runs are first merged. Without merges, the list of runs
 * would grow at each look.
 */
const MIN_MERGED = 1024;

/** The owners of a word. */
const PROGRAM = 0;
const DEVICE = 1;
const ANYONE = 2;

/** A range of words. `end` is exclusive. */
interface Run {
  readonly start: number;
  end: number;
}

/** A range of words, and the number of earlier changes of these words. */
interface CountedRun extends Run {
  count: number;
}

/**
 * DMA memory of a program. The program and the device write the memory without a call, so this
 * class compares the memory with copies. A word that changed while the program did not run is a
 * word of the device, from then on for ever.
 */
export class WatchedMemory {
  readonly name: string;
  /** The memory, and the contents at the last look. */
  readonly #compared: ComparedMemory;
  /** The contents according to the record. */
  readonly #recorded: Uint32Array;
  /** For each word, {@link DEVICE} if the device was seen to change the word. */
  readonly #isDevices: Uint8Array;
  /** For each word, the number of changes by the program. */
  readonly #counts: Uint32Array;
  /** The flags VFIO_DMA_MAP_FLAG_READ and VFIO_DMA_MAP_FLAG_WRITE of all mappings so far. */
  #access = 0;
  #isReachable = false;
  /** The words that can differ from the record, in the order of the looks. */
  #changed: Run[] = [];
  #isSorted = true;
  #mergeAt = MIN_MERGED;

  constructor(name: string, memory: Memory) {
    this.name = name;
    const count = memory.size / WORD;
    const words = new Uint32Array(memory.buffer, 0, count);
    const seen = new Uint32Array(count);
    const bytes = Buffer.from(memory.buffer, 0, memory.size);
    this.#compared = { bytes, words, seen, seenBytes: Buffer.from(seen.buffer) };
    this.#recorded = new Uint32Array(count);
    this.#counts = new Uint32Array(count);
    this.#isDevices = new Uint8Array(count);
  }

  /** Whether the memory was released. The buffer of released memory is detached. */
  get isDetached(): boolean {
    return this.#compared.words.length === 0;
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
    takeChangedWords(this.#compared, (start, end) => {
      if (isDevice) this.#isDevices.fill(DEVICE, start, end);
      const last = this.#changed.at(-1);
      if (last !== undefined && last.end > start) this.#isSorted = false;
      this.#changed.push({ start, end });
    });
    if (this.#changed.length < this.#mergeAt) return;
    this.#mergeAt = Math.max(MIN_MERGED, 2 * this.#sortedRuns().length);
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
    if (this.#changed.length === 0) return [];
    const { seen, seenBytes } = this.#compared;
    const recorded = this.#recorded;
    const taken: CountedRun[] = [];
    const left: Run[] = [];
    for (const { start, end } of this.#sortedRuns()) {
      for (let word = start; word < end; word++) {
        const value = seen[word] ?? 0;
        if (value === recorded[word]) continue;
        if (owner !== ANYONE && this.#isDevices[word] !== owner) {
          addWord(left, word);
          continue;
        }
        recorded[word] = value;
        const count = this.#counts[word] ?? 0;
        const run = taken.at(-1);
        if (run?.end === word && (!splits || run.count === count)) {
          run.end++;
          run.count = Math.max(run.count, count);
        } else {
          taken.push({ start: word, end: word + 1, count });
        }
      }
    }
    this.#changed = left;
    return taken.map(({ start, end, count }) => ({
      name: this.name,
      offset: start * WORD,
      length: (end - start) * WORD,
      contents: seenBytes,
      count,
    }));
  }

  #sortedRuns(): readonly Run[] {
    if (!this.#isSorted) this.#changed = mergeRuns(this.#changed);
    this.#isSorted = true;
    return this.#changed;
  }
}

/** Adds a word after all earlier words. */
function addWord(runs: Run[], word: number): void {
  const last = runs.at(-1);
  if (last?.end === word) last.end++;
  else runs.push({ start: word, end: word + 1 });
}

/** Sorts runs, and merges runs that overlap. */
function mergeRuns(runs: Run[]): Run[] {
  runs.sort((a, b) => a.start - b.start);
  const merged: Run[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    if (last === undefined || run.start > last.end) merged.push(run);
    else last.end = Math.max(last.end, run.end);
  }
  return merged;
}
