import { ftruncateSync } from 'node:fs';
import test from 'ava';
import { native } from '../../lib/native/binding.js';
import { countFds, mappingAt, runChild, transfer } from './helpers.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const calls = native();
const CAPACITY = 2 ** 30;

test('the pieces of a memory file are zeroed memory that a reader of the file shares', (t) => {
  const fd = calls.memoryFileCreate(0);
  const file = calls.memoryFileMap(fd, CAPACITY, 0);
  const [first, second] = [
    calls.memoryFileAllocate(file, fd, 0, 2 * PAGE),
    calls.memoryFileAllocate(file, fd, 8 * PAGE, PAGE),
  ];
  t.true(new Uint8Array(first).every((byte) => byte === 0));
  new Uint8Array(first).fill(1);
  new Uint8Array(second).fill(2);
  const read = new Uint8Array(1);
  calls.pread(fd, PAGE, read);
  t.is(read[0], 1);
  calls.pread(fd, 8 * PAGE, read);
  t.is(read[0], 2);
  t.is(
    calls.addressOf(new Uint8Array(second)) - calls.addressOf(new Uint8Array(first)),
    BigInt(8 * PAGE),
  );
  calls.close(fd);
});

test('a freed piece is detached, and the next piece at its offset is zeroed', (t) => {
  const fd = calls.memoryFileCreate(0);
  const file = calls.memoryFileMap(fd, CAPACITY, 0);
  const buffer = calls.memoryFileAllocate(file, fd, PAGE, PAGE);
  new Uint8Array(buffer).fill(0xff);
  t.true(calls.memoryFileFree(file, fd, PAGE, PAGE, buffer));
  t.is(buffer.byteLength, 0);
  const again = calls.memoryFileAllocate(file, fd, PAGE, PAGE);
  t.true(new Uint8Array(again).every((byte) => byte === 0));
  calls.close(fd);
});

test('a piece whose ArrayBuffer was transferred stays allocated', (t) => {
  const fd = calls.memoryFileCreate(0);
  const file = calls.memoryFileMap(fd, CAPACITY, 0);
  const buffer = calls.memoryFileAllocate(file, fd, 0, PAGE);
  new Uint8Array(buffer).fill(7);
  const moved = transfer(buffer);
  // Some versions of Node copy the memory in place of a transfer.
  const wasTransferred = buffer.byteLength === 0;
  t.is(calls.memoryFileFree(file, fd, 0, PAGE, buffer), !wasTransferred);
  t.is(new Uint8Array(moved)[PAGE - 1], 7);
  calls.close(fd);
  t.is(new Uint8Array(moved)[PAGE - 1], 7);
});

test('a memory file cannot be shrunk, and takes one descriptor and one area', (t) => {
  const before = countFds();
  const fd = calls.memoryFileCreate(0);
  const file = calls.memoryFileMap(fd, CAPACITY, 0);
  const buffers = Array.from({ length: 100 }, (_, i) =>
    calls.memoryFileAllocate(file, fd, i * PAGE, PAGE),
  );
  t.is(countFds(), before + 1);
  const [first = new ArrayBuffer(0)] = buffers;
  const area = mappingAt(calls.addressOf(new Uint8Array(first)));
  t.regex(area, /vfio-dma/);
  t.regex(area, new RegExp(`^Size: +${CAPACITY / 1024} kB`, 'm'));
  t.throws(
    () => {
      ftruncateSync(fd, 0);
    },
    { code: 'EPERM' },
  );
  calls.close(fd);
  t.is(countFds(), before);
});

test('a child process inherits neither the file nor its mapping', async (t) => {
  const { output, code } = await runChild(`
    const native = await load();
    const { spawnSync } = await import('node:child_process');
    const fd = native.memoryFileCreate(0);
    const file = native.memoryFileMap(fd, 2 ** 30, 0);
    const buffer = native.memoryFileAllocate(file, fd, 0, 4096);
    const { stdout } = spawnSync('sh', ['-c', 'ls -l /proc/self/fd; cat /proc/self/maps']);
    output(/vfio-dma/.test(String(stdout)));
    output(buffer.byteLength);
  `);
  t.is(output, 'false\n4096\n');
  t.is(code, 0);
});

test('a memory file refuses pieces beyond its capacity and pools without pages', (t) => {
  const fd = calls.memoryFileCreate(0);
  const file = calls.memoryFileMap(fd, CAPACITY, 0);
  for (const [offset, size] of [
    [0, 0],
    [0, CAPACITY + PAGE],
    [CAPACITY, PAGE],
    [2 ** 53 - 1, PAGE],
  ] as const) {
    t.throws(() => calls.memoryFileAllocate(file, fd, offset, size), { instanceOf: TypeError });
  }
  calls.close(fd);
});
