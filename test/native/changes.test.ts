import test from 'ava';
import { native } from '../../lib/native/binding.js';

const calls = native();

function runsOf(count: number, runs: Uint32Array): number[] {
  return [...runs.subarray(0, 2 * count)];
}

test('takeChanges returns the runs of changed words, also at the end of the memory', (t) => {
  const memory = new Uint32Array(37);
  const seen = new Uint32Array(37);
  const runs = new Uint32Array(8);
  const take = () =>
    calls.takeChanges(
      new Uint8Array(memory.buffer),
      new Uint8Array(seen.buffer),
      new Uint8Array(runs.buffer),
    );
  t.is(take(), 0);
  memory.fill(1, 14, 18);
  memory[36] = 2 ** 32 - 1;
  t.deepEqual(runsOf(take(), runs), [14, 18, 36, 37]);
  t.deepEqual(seen, memory);
  t.is(take(), 0);
});

test('takeChanges stops when the runs are full, and the next call continues', (t) => {
  const memory = Uint32Array.from({ length: 64 }, (_, word) => word % 2);
  const seen = new Uint32Array(64);
  const runs = new Uint32Array(6);
  const found: number[] = [];
  for (;;) {
    const count = calls.takeChanges(
      new Uint8Array(memory.buffer),
      new Uint8Array(seen.buffer),
      new Uint8Array(runs.buffer),
    );
    if (count === 0) break;
    t.true(count <= 3);
    for (let i = 0; i < count; i++) found.push(runs[2 * i] ?? 0);
  }
  t.deepEqual(
    found,
    Array.from({ length: 32 }, (_, i) => 2 * i + 1),
  );
});

test('takeChanges refuses memory of another size and memory that is not aligned', (t) => {
  const bytes = new Uint8Array(64);
  const other = new Uint8Array(60);
  t.throws(() => calls.takeChanges(bytes, other, new Uint8Array(8)), { instanceOf: TypeError });
  for (const wrong of [bytes.subarray(1, 61), bytes.subarray(0, 63)]) {
    const seen = new Uint8Array(wrong.length);
    t.throws(() => calls.takeChanges(wrong, seen, new Uint8Array(8)), { instanceOf: TypeError });
  }
  t.throws(() => calls.takeChanges(bytes, bytes, new Uint8Array(7)), { instanceOf: TypeError });
});

test('takeChanges compares memory with an alignment of only 4 bytes', (t) => {
  const memory = new Uint32Array(601);
  const seen = new Uint32Array(600);
  const runs = new Uint32Array(4);
  memory[1] = 1;
  memory.fill(1, 300, 400);
  const bytes = new Uint8Array(memory.buffer, 4);
  const args = [bytes, new Uint8Array(seen.buffer), new Uint8Array(runs.buffer)] as const;
  t.deepEqual(runsOf(calls.takeChanges(...args), runs), [0, 1, 299, 399]);
  t.deepEqual(seen, memory.subarray(1));
});
