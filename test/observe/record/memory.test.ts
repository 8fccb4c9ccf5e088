import test from 'ava';
import type { Memory } from '../../../lib/contract/index.js';
import { WatchedMemory } from '../../../lib/observe/record/memory.js';

const READ_AND_WRITE = 3;

function watched(pages: number) {
  const buffer = new ArrayBuffer(4096 * pages);
  const memory = { buffer, size: buffer.byteLength } as Memory;
  const watch = new WatchedMemory('b1', memory);
  watch.addMapping(READ_AND_WRITE);
  watch.makeReachable();
  return { words: new Uint32Array(buffer), watch };
}

/** The offset and the length of each change, in words. */
function places(changes: readonly { offset: number; length: number }[]) {
  return changes.map(({ offset, length }) => [offset / 4, length / 4]);
}

test('changes of several looks are returned once, in the order of their addresses', (t) => {
  const { words, watch } = watched(2);
  words.fill(1, 100, 110);
  watch.look(false);
  words[1500] = 1;
  words.fill(2, 95, 105);
  watch.look(false);
  t.deepEqual(places(watch.takeProgramChanges(false)), [
    [95, 15],
    [1500, 1],
  ]);
  t.deepEqual(watch.takeProgramChanges(false), []);
});

test('the changes of the device and of the program are separate', (t) => {
  const { words, watch } = watched(1);
  words.fill(1, 10, 12);
  watch.look(true);
  words.fill(2, 11, 14);
  watch.look(false);
  t.deepEqual(places(watch.takeDeviceChanges()), [[10, 2]]);
  t.deepEqual(places(watch.takeProgramChanges(false)), [[12, 2]]);
  // From now on, the device owns the word.
  words.fill(3, 11, 13);
  watch.look(false);
  t.deepEqual(places(watch.takeDeviceChanges()), [[11, 1]]);
  t.deepEqual(places(watch.takeProgramChanges(false)), [[12, 1]]);
});

test('a word with its old value is no change', (t) => {
  const { words, watch } = watched(1);
  words[7] = 1;
  watch.look(false);
  words[7] = 0;
  watch.look(false);
  t.deepEqual(watch.takeProgramChanges(false), []);
});

test('all changes are found with any number of looks between two takes', (t) => {
  const { words, watch } = watched(4);
  for (let look = 1; look <= 5000; look++) {
    words[(look * 7) % 4096] = look;
    words[0] = look;
    watch.look(false);
  }
  const taken = watch.takeProgramChanges(false);
  t.deepEqual(places(taken), [[0, 4096]]);
  t.true(taken[0]?.contents.equals(Buffer.from(words.buffer)));
});
