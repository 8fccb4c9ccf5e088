const PAGE = 4096;
const WORD = 4;
const WORDS_PER_PAGE = PAGE / WORD;

/** Maximum number of runs that one call of the addon returns. */
const MAX_RUNS = 1024;

/** Receives a run of changed words. @param end - the word after the run */
export type OnRun = (start: number, end: number) => void;

/** Memory, and the contents at the last comparison. Both have the same whole number of pages. */
export interface ComparedMemory {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly seenBytes: Buffer;
  readonly seen: Uint32Array;
}

const runs = new Uint32Array(2 * MAX_RUNS);
const runBytes = new Uint8Array(runs.buffer);

/**
 * Finds runs of changed words, and copies the words to `seen`. Writes the first word and the end of
 * each run to `found`.
 *
 * @returns the number of runs. If `found` is full, the next call can find further runs.
 */
export type TakeChanges = (memory: Uint8Array, seen: Uint8Array, found: Uint8Array) => number;

let takeChanges: TakeChanges | undefined;

/**
 * Makes {@link takeChangedWords} use the function of the addon, which is about ten times as fast. The
 * addon is loaded only for a real device. If a program uses only mock devices, the function in
 * TypeScript remains.
 */
export function useTakeChanges(own: TakeChanges): void {
  takeChanges = own;
}

/**
 * Finds the words that changed since the last comparison, and copies the words. The device can write
 * during the comparison. Each changed word is therefore read only once, for its comparison and its
 * copy.
 */
export function takeChangedWords(memory: ComparedMemory, onRun: OnRun): void {
  if (takeChanges === undefined) {
    takeChangedWordsInScript(memory, onRun);
    return;
  }
  let { bytes, seenBytes } = memory;
  for (let done = 0; ;) {
    const count = takeChanges(bytes, seenBytes, runBytes);
    const first = done;
    for (let i = 0; i < count; i++) {
      done = first + (runs[2 * i + 1] ?? 0);
      onRun(first + (runs[2 * i] ?? 0), done);
    }
    if (count < MAX_RUNS) return;
    // The next call must not compare these words again: the time would be quadratic.
    bytes = memory.bytes.subarray(done * WORD);
    seenBytes = memory.seenBytes.subarray(done * WORD);
  }
}

/** Does the same as {@link takeChangedWords} without the addon. */
export function takeChangedWordsInScript(
  { bytes, words, seenBytes, seen }: ComparedMemory,
  onRun: OnRun,
): void {
  if (bytes.equals(seenBytes)) return;
  let start = -1;
  const endRun = (end: number) => {
    if (start >= 0) onRun(start, end);
    start = -1;
  };
  for (let page = 0; page < words.length; page += WORDS_PER_PAGE) {
    const [from, to] = [page * WORD, page * WORD + PAGE];
    if (bytes.compare(seenBytes, from, to, from, to) === 0) {
      endRun(page);
      continue;
    }
    for (let word = page; word < page + WORDS_PER_PAGE; word++) {
      const value = words[word] ?? 0;
      if (value === seen[word]) {
        endRun(word);
        continue;
      }
      seen[word] = value;
      if (start < 0) start = word;
    }
  }
  endRun(words.length);
}
