import test from 'ava';
import {
  type ComparedMemory,
  takeChangedWords,
  takeChangedWordsInScript,
  useTakeChanges,
} from '../lib/changes.js';
import { native } from '../lib/native/binding.js';
import { SEED } from './full.js';

const PAGES = 6;
const WORDS = PAGES * 1024;

function compared(buffer: ArrayBuffer | SharedArrayBuffer): ComparedMemory {
  const seen = new Uint32Array(WORDS);
  return {
    bytes: Buffer.from(buffer),
    words: new Uint32Array(buffer),
    seen,
    seenBytes: Buffer.from(seen.buffer),
  };
}

/** Returns a function that returns random numbers below a limit. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

// After the addon is loaded, takeChangedWords() uses the addon.
native();

const functions = { addon: takeChangedWords, script: takeChangedWordsInScript };

for (const [name, take] of Object.entries(functions)) {
  for (const kind of [ArrayBuffer, SharedArrayBuffer]) {
    test(`${name}, ${kind.name}: finds exactly the changed words, and copies them`, (t) => {
      t.log(`seed ${SEED}`);
      const random = randomNumbers(SEED);
      const memory = compared(new kind(4 * WORDS));
      for (let round = 0; round < 40; round++) {
        const changed = new Set<number>();
        // Sometimes more runs change than one call of the addon returns.
        const runs = round % 10 === 0 ? 4000 : random(8);
        for (let run = 0; run < runs; run++) {
          const start = random(WORDS);
          const end = Math.min(start + random(runs > 8 ? 2 : 1100), WORDS);
          for (let word = start; word < end; word++) {
            memory.words[word] = (memory.seen[word] ?? 0) + 1 + random(2 ** 31);
            changed.add(word);
          }
        }
        const found: number[] = [];
        let last = -1;
        take(memory, (start, end) => {
          t.true(start > last && end > start);
          last = end;
          for (let word = start; word < end; word++) found.push(word);
        });
        t.deepEqual(
          found,
          [...changed].sort((a, b) => a - b),
        );
        t.deepEqual(memory.seen, Uint32Array.from(memory.words));
      }
    });
  }

  test(`${name}: finds nothing in memory that did not change`, (t) => {
    take(compared(new ArrayBuffer(4 * WORDS)), () => {
      t.fail();
    });
    t.pass();
  });
}

test('the addon compares each word about once, although every second word changed', (t) => {
  const memory = compared(new ArrayBuffer(4 * WORDS));
  for (let word = 0; word < WORDS; word += 2) memory.words[word] = 1;
  const calls = native();
  const starts: number[] = [];
  useTakeChanges((bytes, seen, found) => {
    const count = calls.takeChanges(bytes, seen, found);
    starts.push(4 * WORDS - bytes.length);
    return count;
  });
  try {
    const found: number[] = [];
    takeChangedWords(memory, (start) => found.push(start));
    t.deepEqual(
      found,
      Array.from({ length: WORDS / 2 }, (_, i) => 2 * i),
    );
  } finally {
    useTakeChanges((bytes, seen, found) => calls.takeChanges(bytes, seen, found));
  }
  // A call finds 1,024 runs. The next call starts after the last of these runs.
  t.deepEqual(starts, [0, 8188, 16380, 24572]);
});
