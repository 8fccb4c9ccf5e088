import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MemoryAreas } from '../../../lib/backend/linux/memory-areas.js';
import { native, type NativeMemory } from '../../../lib/native/binding.js';
import { collectGarbage, temporaryFile } from '../../native/helpers.js';
import { goodHost, Tree } from '../../sysfs/tree.js';
import { failure, make } from '../kernel/backend.js';
import { PAGE_SIZE as PAGE } from '../../../lib/checks.js';

/** Adds the files of a process with `count` areas to the files of a host. */
function setAreas(tree: Tree, count: number, limit: number): void {
  tree.file('proc/sys/vm/max_map_count', `${limit}\n`);
  tree.file('proc/self/maps', '55d0c0000000-55d0c0001000 rw-p 00000000 00:00 0\n'.repeat(count));
}

/** Makes mappings until a count refuses the next mapping. @returns number of mappings */
function countMappings(areas: MemoryAreas, map: () => void): number {
  for (let mappings = 0; ; mappings++) {
    try {
      areas.check();
    } catch {
      return mappings;
    }
    map();
  }
}

test('a process with few areas left gets ENOMEM, and the hint names vm.max_map_count', (t) => {
  const tree = goodHost(t);
  setAreas(tree, 61_500, 65_530);
  const { fake, backend } = make(tree);
  const device = backend.openSync('0000:01:00.0', {});
  const { addressSpace: space } = device;
  const allocate = () => space.allocate(PAGE, false);
  const mappings = [allocate, () => space.fromFd(0, 0, PAGE, true), () => device.map(0, 0, PAGE)];
  for (let i = 0; i < 256; i++) mappings[i % 3]?.();
  fake.calls.length = 0;
  for (const map of mappings) {
    const error = failure(t, map);
    t.like(error, { code: 'ENOMEM', syscall: 'mmap' });
    t.regex(error.message, /the process has 61500 memory areas, and the limit is 65530/);
    t.regex(error.hint ?? '', /sysctl vm\.max_map_count=131060/);
  }
  t.deepEqual(fake.calls, []);
  setAreas(tree, 500, 65_530);
  t.notThrows(allocate);
});

test('the areas are counted rarely, and never more than 256 mappings late', (t) => {
  let counts = 0;
  let count = 1000;
  const sysfs = new Tree(t).sysfs;
  sysfs.memoryAreas = () => {
    counts++;
    return { count, limit: 65_530 };
  };
  countMappings(new MemoryAreas(sysfs), () => count++);
  t.log(`${counts} counts until ${count} areas`);
  t.true(count >= 61_434 && count < 61_434 + 256);
  t.true(counts < 60);
});

test('without the files of /proc, nothing is refused', (t) => {
  const areas = new MemoryAreas(new Tree(t).sysfs);
  t.notThrows(() => {
    for (let i = 0; i < 1000; i++) areas.check();
  });
});

test.serial('mappings that cannot be merged are counted in /proc/self/maps', async (t) => {
  const tree = new Tree(t);
  symlinkSync('/proc/self/maps', join(tree.root, 'proc/self/maps'));
  tree.file('proc/sys/vm/max_map_count', '8000\n');
  const { count: first = 0 } = tree.sysfs.memoryAreas() ?? {};
  t.true(first > 10);
  const calls = native();
  const fd = calls.open(temporaryFile(PAGE), true);
  const mapped: NativeMemory[] = [];
  const mappings = countMappings(new MemoryAreas(tree.sysfs), () => {
    mapped.push(calls.memoryMapFd(fd, 0, PAGE, true));
  });
  const { count: last = 0 } = tree.sysfs.memoryAreas() ?? {};
  t.log(`${mappings} mappings: ${first} areas before, ${last} after`);
  t.true(last >= 7500 && last < 7500 + 512);
  for (const { handle, buffer } of mapped) calls.memoryRelease(handle, buffer);
  calls.close(fd);
  await collectGarbage();
});
