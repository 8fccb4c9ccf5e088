import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { MockAddressSpace } from '../../../../lib/backend/mock/machine/address-space.js';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { fails } from '../support.js';

/**
 * Declares WebAssembly.Memory, because this project's type declarations do not declare WebAssembly.
 */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => {
    buffer: SharedArrayBuffer;
  };
};

const READ = 1;
const WRITE = 2;
const BOTH = READ | WRITE;
const PAGE = BigInt(PAGE_SIZE);

test('if memory is mapped, release() frees the memory only after the unmap', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(1, false);
  t.is(memory.size, PAGE_SIZE);
  const { buffer } = memory;
  space.mapSync(memory, 0, PAGE, 0n, BOTH);
  memory.release();
  t.notThrows(() => {
    space.write(0n, Uint8Array.of(1));
  });
  t.is(buffer.byteLength, PAGE_SIZE);
  space.unmap(0n, PAGE, 0);
  t.is(buffer.byteLength, 0);
  t.throws(
    () => {
      space.mapSync(memory, 0, PAGE, 0n, BOTH);
    },
    { code: 'EBADF' },
  );
  t.notThrows(() => {
    memory.release();
  });
});

test('if the ArrayBuffer of memory was transferred, DMA to the memory throws', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(1, false);
  space.mapSync(memory, 0, PAGE, 0n, BOTH);
  structuredClone(memory.buffer, { transfer: [memory.buffer as ArrayBuffer] });
  const message = /^a mock device cannot access the memory, because its ArrayBuffer was trans/;
  t.throws(
    () => {
      space.write(0n, Uint8Array.of(1));
    },
    { message },
  );
  t.throws(
    () => {
      space.read(0n, new Uint8Array(1));
    },
    { message },
  );
});

test('the size of memory is rounded up to huge pages', (t) => {
  const space = new MockAddressSpace('mock:test');
  t.is(space.allocate(1, '2M').size, 2 ** 21);
  t.throws(() => space.allocate(1, '4M' as never), { instanceOf: TypeError });
  t.throws(() => space.allocate(0, false), { instanceOf: RangeError });
});

test('a SharedArrayBuffer must be page-aligned and consist of whole pages', (t) => {
  const space = new MockAddressSpace('mock:test');
  const make = SharedArrayBuffer as new (
    size: number,
    options?: { maxByteLength: number },
  ) => SharedArrayBuffer;
  const shared = new make(PAGE_SIZE, { maxByteLength: PAGE_SIZE });
  const memory = space.fromShared(shared);
  t.is(memory.buffer, shared);
  space.mapSync(memory, 0, PAGE, 0n, BOTH);
  space.write(5n, Uint8Array.of(6));
  t.is(new Uint8Array(shared)[5], 6);
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  t.is(space.fromShared(wasm.buffer).size, 65536);
  const wrong = [new make(PAGE_SIZE), new make(100, { maxByteLength: PAGE_SIZE }), new make(0)];
  for (const buffer of wrong) {
    t.throws(() => space.fromShared(buffer), { instanceOf: RangeError });
  }
});

test('DMA reads a mapped file, and writes by the device or by the program change the file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-mock-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'memory');
  writeFileSync(path, Buffer.alloc(2 * PAGE_SIZE, 0x11));
  const fd = openSync(path, 'r+');
  const space = new MockAddressSpace('mock:test');
  const memory = space.fromFd(fd, PAGE_SIZE, PAGE_SIZE, true);
  space.mapSync(memory, 0, PAGE, 0n, BOTH);
  const read = new Uint8Array(1);
  space.read(0n, read);
  t.is(read[0], 0x11);
  space.write(1n, Uint8Array.of(0x22));
  t.is(readFileSync(path)[PAGE_SIZE + 1], 0x22);
  new Uint8Array(memory.buffer)[2] = 0x33;
  space.unmap(0n, PAGE, 0);
  memory.release();
  t.is(readFileSync(path)[PAGE_SIZE + 2], 0x33);

  fails(t, 'ENXIO', () => space.fromFd(fd, PAGE_SIZE, 2 * PAGE_SIZE, true));
  const readOnly = openSync(path, 'r');
  fails(t, 'EACCES', () => space.fromFd(readOnly, 0, PAGE_SIZE, true));
  const constant = space.fromFd(readOnly, 0, PAGE_SIZE, false);
  fails(t, 'EFAULT', () => {
    space.mapSync(constant, 0, PAGE, 0n, BOTH);
  });
  t.notThrows(() => {
    space.mapSync(constant, 0, PAGE, 0n, READ);
  });
  t.throws(() => space.fromFd(fd, 1, PAGE_SIZE, true), { instanceOf: RangeError });
  t.throws(() => space.fromFd(fd, 0, 100, true), { instanceOf: RangeError });
  closeSync(readOnly);
  fails(t, 'EBADF', () => space.fromFd(readOnly, 0, PAGE_SIZE, true));
  closeSync(fd);
});
