import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import test from 'ava';
import { native } from '../../lib/native/binding.js';
import { mappingAt, runChild } from './helpers.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const calls = native();

/** Opens a deleted file on tmpfs, which is the same as a memfd. */
function sharedFile(size: number, flags = 'r+'): number {
  const path = `/dev/shm/vfio-test-${process.pid}-${Math.random()}`;
  closeSync(openSync(path, 'w'));
  const writer = openSync(path, 'r+');
  ftruncateSync(writer, size);
  const fd = openSync(path, flags);
  closeSync(writer);
  unlinkSync(path);
  return fd;
}

test('shared memory shows the live contents of a file', (t) => {
  const fd = sharedFile(2 * PAGE);
  const { handle, address, writable } = calls.sharedMemoryMap(fd, 2 * PAGE);
  t.true(writable);
  t.regex(mappingAt(address), /^VmFlags:.* dc( |$)/m);
  writeSync(fd, 'guest', PAGE - 2);
  const bytes = Buffer.alloc(5);
  t.true(calls.sharedMemoryRead(handle, PAGE - 2, bytes));
  t.is(bytes.toString(), 'guest');
  t.true(calls.sharedMemoryWrite(handle, 2 * PAGE - 6, Buffer.from('device')));
  readSync(fd, bytes, 0, 5, 2 * PAGE - 6);
  t.is(bytes.toString(), 'devic');
  calls.sharedMemoryUnmap(handle);
  calls.sharedMemoryUnmap(handle);
  t.throws(() => calls.sharedMemoryRead(handle, 0, bytes), { message: /unmapped/ });
  t.is(mappingAt(address), '');
  closeSync(fd);
});

test('shared memory refuses ranges that exceed the memory', (t) => {
  const fd = sharedFile(PAGE);
  const { handle } = calls.sharedMemoryMap(fd, PAGE);
  for (const [offset, length] of [
    [0, PAGE + 1],
    [PAGE, 1],
    [PAGE + 1, 0],
    [2 ** 53 - 1, 1],
  ] as const) {
    const bytes = new Uint8Array(length);
    t.throws(() => calls.sharedMemoryRead(handle, offset, bytes), { instanceOf: RangeError });
    t.throws(() => calls.sharedMemoryWrite(handle, offset, bytes), { instanceOf: RangeError });
  }
  t.true(calls.sharedMemoryRead(handle, PAGE, new Uint8Array(0)));
  calls.sharedMemoryUnmap(handle);
  closeSync(fd);
});

test('a descriptor without write access gives read-only memory', (t) => {
  const fd = sharedFile(PAGE, 'r');
  const { handle, writable } = calls.sharedMemoryMap(fd, PAGE);
  t.false(writable);
  t.true(calls.sharedMemoryRead(handle, 0, new Uint8Array(8)));
  t.throws(() => calls.sharedMemoryWrite(handle, 0, new Uint8Array(8)), { message: /read-only/ });
  calls.sharedMemoryUnmap(handle);
  closeSync(fd);
});

test('after the file has shrunk, all accesses fail, and the process goes on', async (t) => {
  const { output, code, signal } = await runChild(`
    const native = await load();
    const { openSync, ftruncateSync, unlinkSync } = await import('node:fs');
    const path = '/dev/shm/vfio-test-shrink-' + process.pid;
    const fd = openSync(path, 'w+');
    unlinkSync(path);
    ftruncateSync(fd, 8192);
    const { handle } = native.sharedMemoryMap(fd, 8192);
    const bytes = Buffer.alloc(16);
    output('' + native.sharedMemoryRead(handle, 4090, bytes));
    ftruncateSync(fd, 4096);
    output('' + native.sharedMemoryRead(handle, 0, bytes));
    output('' + native.sharedMemoryRead(handle, 4090, bytes));
    output('' + native.sharedMemoryWrite(handle, 4096, bytes));
    ftruncateSync(fd, 8192);
    output('' + native.sharedMemoryRead(handle, 0, bytes));
  `);
  t.is(output, 'true\ntrue\nfalse\nfalse\nfalse\n');
  t.is(signal, null);
  t.is(code, 0);
});

test('files that are not on tmpfs and descriptors that are no files are refused', (t) => {
  const proc = openSync('/proc/self/maps', 'r');
  t.throws(() => calls.sharedMemoryMap(proc, PAGE), { code: 'ENOTSUP' });
  const eventfd = calls.eventfdCreate();
  t.throws(() => calls.sharedMemoryMap(eventfd, PAGE), { code: 'ENOTSUP' });
  t.throws(() => calls.sharedMemoryMap(99_999, PAGE), { code: 'EBADF' });
  closeSync(proc);
  calls.close(eventfd);
});
