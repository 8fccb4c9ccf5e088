import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { native, type NativeMemory } from '../../lib/native/binding.js';
import { collectGarbage, mappingAt, temporaryFile, transfer } from './helpers.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const calls = native();
const TRANSPARENT = -1;

const release = ({ handle, buffer }: NativeMemory) => {
  calls.memoryRelease(handle, buffer);
};

// The lifetime tests map a file, because /proc shows the path of the file for each address. The
// address of anonymous memory can be reused at once. The same C++ class owns file mappings and
// anonymous mappings.
const path = temporaryFile(PAGE);
const fd = calls.open(path, true);
const ofFile = () => calls.memoryMapFd(fd, 0, PAGE, true);
const isMapped = (address: bigint) => mappingAt(address).includes(path);

/** Returns the number of memory areas of the process. */
const countAreas = () => readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1;

/** Returns the size of the process's address space, in bytes. */
const virtualSize = () => Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[0]) * PAGE;

test('memory is zeroed, page-aligned and mapped at the reported address', (t) => {
  const memory = calls.memoryAllocate(3 * PAGE, 0);
  t.is(memory.buffer.byteLength, 3 * PAGE);
  t.is(memory.address % BigInt(PAGE), 0n);
  t.is(calls.addressOf(new Uint8Array(memory.buffer)), memory.address);
  t.true(new Uint8Array(memory.buffer).every((byte) => byte === 0));
  new Uint8Array(memory.buffer).fill(1);
  release(memory);
});

test('a forked process does not inherit the memory', (t) => {
  const memory = calls.memoryAllocate(PAGE, 0);
  t.regex(mappingAt(memory.address), /^VmFlags:.* dc( |$)/m);
  release(memory);
});

test('memory with transparent huge pages is aligned to 2 MiB and can have any size', (t) => {
  for (const size of [PAGE, 2 << 20, (4 << 20) + PAGE]) {
    const memory = calls.memoryAllocate(size, TRANSPARENT);
    t.is(memory.address % BigInt(2 << 20), 0n);
    t.is(memory.buffer.byteLength, size);
    const bytes = new Uint8Array(memory.buffer);
    t.is(bytes[size - 1], 0);
    bytes[size - 1] = 1;
    release(memory);
  }
});

test('memory with huge pages comes from the reserved pool; an empty pool gives ENOMEM', (t) => {
  const path = '/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages';
  if (Number(readFileSync(path, 'latin1')) === 0) {
    t.throws(() => calls.memoryAllocate(2 << 20, 21), { code: 'ENOMEM' });
    return;
  }
  const memory = calls.memoryAllocate(PAGE, 21);
  t.is(memory.buffer.byteLength, PAGE);
  t.is(memory.address % BigInt(2 << 20), 0n);
  release(memory);
});

test.serial('many buffers of one page share a few memory areas', async (t) => {
  const before = countAreas();
  const buffers = Array.from({ length: 20_000 }, () => calls.memoryAllocate(PAGE, 0));
  const added = countAreas() - before;
  t.log(`${buffers.length} buffers added ${added} areas`);
  t.true(added < 100);
  const [first] = buffers;
  t.regex(mappingAt(first?.address ?? 0n), /^VmFlags:.* dc( |$)/m);
  for (const memory of buffers) release(memory);
  await collectGarbage();
});

test.serial('released anonymous memory is unmapped', async (t) => {
  const size = 2 ** 28;
  const before = virtualSize();
  const memory = calls.memoryAllocate(size, 0);
  t.true(virtualSize() - before > size / 2);
  release(memory);
  await collectGarbage();
  t.true(virtualSize() - before < size / 2);
});

test.serial('memoryRelease detaches the buffer; the finalizer unmaps the memory', async (t) => {
  const memory = ofFile();
  const { address } = memory;
  release(memory);
  t.is(memory.buffer.byteLength, 0);
  release(memory);
  await collectGarbage();
  t.false(isMapped(address));
});

/**
 * Allocates memory and keeps a reference to the handle or to the buffer.
 * @returns the address of the memory, and the handle or the buffer
 */
function keep<Part extends keyof NativeMemory>(part: Part): [bigint, NativeMemory[Part]] {
  const memory = ofFile();
  return [memory.address, memory[part]];
}

test.serial('memory stays mapped while only the handle is referenced', async (t) => {
  const [address, handle] = keep('handle');
  await collectGarbage();
  t.true(isMapped(address));
  t.throws(
    () => {
      calls.memoryRelease(handle, new ArrayBuffer(8));
    },
    { instanceOf: TypeError },
  );
  // The garbage collector has freed the buffer, so the test passes a different detached buffer.
  const detached = new ArrayBuffer(8);
  structuredClone(detached, { transfer: [detached] });
  calls.memoryRelease(handle, detached);
  await collectGarbage();
  t.false(isMapped(address));
});

test.serial('memory stays mapped while only the buffer is referenced', async (t) => {
  const [address, buffer] = keep('buffer');
  await collectGarbage();
  t.true(isMapped(address));
  new Uint8Array(buffer).fill(1);
});

test.serial('garbage collection unmaps memory that is no longer referenced', async (t) => {
  const [address] = keep('address');
  await collectGarbage();
  t.false(isMapped(address));
});

test.serial('released memory stays mapped while a transferred buffer is referenced', async (t) => {
  const memory = ofFile();
  const { address } = memory;
  new Uint8Array(memory.buffer).fill(7);
  let moved: ArrayBuffer | null = transfer(memory.buffer);
  release(memory);
  await collectGarbage();
  t.is(new Uint8Array(moved)[PAGE - 1], 7);
  t.is(isMapped(address), calls.addressOf(new Uint8Array(moved)) === address);
  moved = null;
  await collectGarbage();
  t.false(isMapped(address));
});

test('memoryRelease refuses the buffer of other memory and a handle of another kind', (t) => {
  const first = calls.memoryAllocate(PAGE, 0);
  const second = calls.memoryAllocate(PAGE, 0);
  t.throws(
    () => {
      calls.memoryRelease(first.handle, second.buffer);
    },
    { instanceOf: TypeError },
  );
  t.is(second.buffer.byteLength, PAGE);
  t.throws(
    () => {
      calls.memoryRelease({} as never, first.buffer);
    },
    { instanceOf: TypeError },
  );
  const set = calls.eventSetCreate(new Uint32Array(1), new BigUint64Array(1));
  t.throws(
    () => {
      calls.memoryRelease(set as never, first.buffer);
    },
    { instanceOf: TypeError },
  );
  calls.eventSetClose(set);
  release(first);
  release(second);
});

test.serial('a size above the limit of an ArrayBuffer throws an error', async (t) => {
  t.throws(() => calls.memoryAllocate(2 ** 46, 0));
  t.throws(() => calls.memoryAllocate(Number.MAX_SAFE_INTEGER, 0), { code: 'ENOMEM' });
  await collectGarbage();
  t.throws(() => calls.memoryAllocate(2 ** 46, TRANSPARENT));
  await collectGarbage();
});

test('a write to the mapped memory of a file changes the file', (t) => {
  const path = temporaryFile(3 * PAGE);
  const fd = calls.open(path, true);
  const memory = calls.memoryMapFd(fd, PAGE, 2 * PAGE, true);
  calls.close(fd);
  new Uint8Array(memory.buffer).set([1, 2, 3], PAGE);
  t.deepEqual([...readFileSync(path).subarray(2 * PAGE, 2 * PAGE + 3)], [1, 2, 3]);
  release(memory);
});

test.serial('a buffer of a read-only file contains the file; its writes are private', async (t) => {
  const path = temporaryFile(PAGE);
  const fd = calls.open(path, false);
  const memory = calls.memoryMapFd(fd, 0, PAGE, false);
  const bytes = new Uint8Array(memory.buffer);
  writeFileSync(path, Uint8Array.of(9), { flag: 'r+' });
  t.is(bytes[0], 9);
  bytes[1] = 5;
  t.is(readFileSync(path)[1], 0);
  const visible = calls.addressOf(bytes);
  t.true(mappingAt(visible).includes(path));
  t.true(mappingAt(memory.address).includes(path));
  t.not(visible, memory.address);
  release(memory);
  await collectGarbage();
  t.false(mappingAt(visible).includes(path));
  t.false(mappingAt(memory.address).includes(path));
  t.throws(() => calls.memoryMapFd(fd, 0, PAGE, true), { code: 'EACCES' });
  calls.close(fd);
});

test('memoryMapFd fails with ENXIO if the file is too short', (t) => {
  const fd = calls.open(temporaryFile(PAGE), true);
  t.throws(() => calls.memoryMapFd(fd, 0, 2 * PAGE, true), { code: 'ENXIO' });
  t.throws(() => calls.memoryMapFd(fd, 2 * PAGE, PAGE, true), { code: 'ENXIO' });
  calls.close(fd);
});

test('addressOf returns the address of a view of shared memory', (t) => {
  const shared = new SharedArrayBuffer(2 * PAGE);
  const address = calls.addressOf(new Uint8Array(shared));
  t.is(calls.addressOf(new Uint8Array(shared, PAGE)), address + BigInt(PAGE));
  t.not(mappingAt(address), '');
});
