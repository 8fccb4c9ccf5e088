import { openSync, closeSync, readFileSync, readlinkSync } from 'node:fs';
import test from 'ava';
import { VfioError } from '../../lib/errors.js';
import { native } from '../../lib/native/binding.js';
import { countFds, temporaryFile } from './helpers.js';

const calls = native();

test('an open of a missing file fails with ENOENT, and the error names the call and the path', (t) => {
  const error = t.throws(() => calls.open('/nonexistent/vfio', true), { instanceOf: VfioError });
  t.like(error, { code: 'ENOENT', errno: -2, syscall: 'open', path: '/nonexistent/vfio' });
});

test('a call with a closed fd fails with EBADF, and the error names the call', (t) => {
  const bytes = new Uint8Array(4);
  const expected = { instanceOf: VfioError, code: 'EBADF' };
  t.is(t.throws(() => calls.pread(1 << 20, 0, bytes), expected).syscall, 'read');
  t.is(t.throws(() => calls.pwrite(1 << 20, 0, bytes), expected).syscall, 'write');
  t.is(t.throws(() => calls.load(1 << 20, 0, 4), expected).syscall, 'read');
  t.is(t.throws(() => calls.duplicate(1 << 20), expected).syscall, 'fcntl');
  t.is(
    t.throws(() => {
      calls.deviceReset(1 << 20);
    }, expected).syscall,
    'VFIO_DEVICE_RESET',
  );
});

test('an ioctl on a file without ioctls fails with ENOTTY', async (t) => {
  const fd = calls.open('/dev/null', true);
  t.throws(() => calls.groupGetStatus(fd), { code: 'ENOTTY' });
  await t.throwsAsync(calls.deviceResetAsync(fd), { instanceOf: VfioError, code: 'ENOTTY' });
  calls.close(fd);
});

test('block accesses and single accesses use the given file offset and are little-endian', (t) => {
  const path = temporaryFile(64);
  const fd = calls.open(path, true);
  t.is(calls.pwrite(fd, 8, Uint8Array.of(1, 2, 3, 4)), 4);
  const into = new Uint8Array(8);
  t.is(calls.pread(fd, 6, into.subarray(2, 6)), 4);
  t.deepEqual([...into], [0, 0, 0, 0, 1, 2, 0, 0]);
  t.is(calls.pread(fd, 60, into), 4);
  t.is(calls.load(fd, 8, 1), 0x01);
  t.is(calls.load(fd, 8, 2), 0x0201);
  t.is(calls.load(fd, 8, 4), 0x04030201);
  calls.store(fd, 16, 4, 0xfedcba98);
  calls.store(fd, 20, 2, 0x1234);
  calls.store(fd, 22, 1, 0xff);
  t.is(calls.load(fd, 16, 4), 0xfedcba98);
  t.deepEqual(
    [...readFileSync(path).subarray(16, 24)],
    [0x98, 0xba, 0xdc, 0xfe, 0x34, 0x12, 0xff, 0],
  );
  calls.close(fd);
});

test('a short single access fails with EIO', (t) => {
  const fd = calls.open(temporaryFile(3), true);
  t.throws(() => calls.load(fd, 0, 4), { code: 'EIO' });
  t.throws(() => calls.load(fd, 100, 1), { code: 'EIO' });
  t.is(calls.load(fd, 1, 2), 0);
  calls.close(fd);
});

test('a write to a file that is open for reading fails with EBADF', (t) => {
  const fd = calls.open(temporaryFile(8), false);
  t.throws(
    () => {
      calls.store(fd, 0, 4, 1);
    },
    { code: 'EBADF' },
  );
  calls.close(fd);
});

test('fileKind() finds files in memory and device files', (t) => {
  const kindOf = (fd: number) => {
    try {
      return calls.fileKind(fd);
    } finally {
      calls.close(fd);
    }
  };
  t.is(kindOf(calls.memoryFileCreate(0)), 'memory');
  t.is(kindOf(calls.memoryFileCreate(21)), 'huge');
  t.is(kindOf(calls.open('/dev/null', false)), 'device');
  t.is(kindOf(calls.open('/proc/self/maps', false)), 'regular');
  t.is(kindOf(calls.open('/proc', false)), 'other');
  t.is(kindOf(calls.eventfdCreate()), 'other');
  t.throws(() => calls.fileKind(1 << 20), { code: 'EBADF' });
});

test('close() closes only fds that the addon opened, and closes each fd only once', (t) => {
  const foreign = openSync('/dev/null', 'r');
  calls.close(foreign);
  t.is(readlinkSync(`/proc/self/fd/${foreign}`), '/dev/null');
  const own = calls.duplicate(foreign);
  calls.close(own);
  closeSync(foreign);
  const reused = openSync('/dev/zero', 'r');
  t.true(reused === own || reused === foreign);
  calls.close(own);
  t.is(readlinkSync(`/proc/self/fd/${reused}`), '/dev/zero');
  closeSync(reused);
});

test('the kernel closes the fds of the addon on exec', (t) => {
  const fds = [calls.open('/dev/null', false), calls.eventfdCreate()];
  fds.push(calls.duplicate(fds[0] ?? -1));
  for (const fd of fds) {
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    t.not(parseInt(flags ?? '', 8) & 0o2000000, 0);
    calls.close(fd);
  }
});

test('a failed call leaves no fd open', (t) => {
  const fd = calls.open('/dev/null', true);
  const before = countFds();
  for (let i = 0; i < 20; i++) {
    t.throws(() => calls.groupGetDeviceFd(fd, 'x'), { code: 'ENOTTY' });
    t.throws(() => calls.memoryMapFd(fd, 0, 4096, true), { code: 'ENODEV' });
    t.throws(() => calls.open('/dev/null/x', true), { code: 'ENOTDIR' });
  }
  t.is(countFds(), before);
  calls.close(fd);
});

test('a wrong argument throws a TypeError', (t) => {
  const untyped = calls as unknown as Record<string, (...args: unknown[]) => unknown>;
  const bytes = new Uint8Array(4);
  const wrong: [string, ...unknown[]][] = [
    ['open', 7, true],
    ['open', 'a\0b', true],
    ['open', '/dev/null', 1],
    ['duplicate', -1],
    ['duplicate', 1.5],
    ['close', '3'],
    ['pread', 0, -1, bytes],
    ['pread', 0, 0n, bytes],
    ['pread', 0, 0, [1]],
    ['pread', 0, 0, new Uint16Array(2)],
    ['load', 0, 0, 3],
    ['load', 0, 0, 8],
    ['load', 0, NaN, 4],
    ['load', 0],
    ['store', 0, 0, 1, 256],
    ['store', 0, 0, 4, 2 ** 32],
    ['store', 0, 0, 4, -1],
    ['eventfdSignal', 0, 1],
    ['eventfdSignal', 0, -1n],
    ['eventfdSignal', 0, 2n ** 64n],
    ['containerMapDma', 0, 0, 0n, 0n, 4096],
    ['containerMapDmaAsync', 0, 0, 0n, 0n, -1n],
    ['groupGetDeviceFd', 0, 'a\0b'],
    ['deviceBindIommufd', 0, 0, new Uint8Array(15)],
    ['deviceBindIommufd', 0, 0, undefined],
    ['deviceSetIrqs', 0, 20, 0, 0, 0, 0],
    ['devicePciHotReset', 0, ['1']],
    ['deviceIoeventfd', 0, 4, 0n, 0n, -2],
    ['memoryAllocate', 0, 0],
    ['memoryAllocate', 4096, -2],
    ['eventSetCreate', new Uint32Array(2), new BigUint64Array(1)],
    ['eventSetCreate', new Uint32Array(new SharedArrayBuffer(4)), new BigUint64Array(1)],
    ['eventSetCreate', new Int32Array(1), new BigUint64Array(1)],
    ['initialize', {}],
  ];
  for (const [name, ...args] of wrong) {
    t.throws(() => untyped[name]?.(...args), { instanceOf: TypeError }, `${name} ${args.join()}`);
  }
});
