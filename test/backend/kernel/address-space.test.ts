import test from 'ava';
import type { ExecutionContext } from 'ava';
import { PAGE_SIZE } from '../../../lib/checks.js';
import type { Memory } from '../../../lib/contract/index.js';
import { failure, make } from './backend.js';
import { CDEV_NODES, goodHost, GROUP_NODES, Tree } from '../../sysfs/tree.js';

const PAGE = BigInt(PAGE_SIZE);
const VADDR = 4;
const NAME = '0000:01:00.0';

function open(t: ExecutionContext, nodes: readonly string[] = GROUP_NODES) {
  const { fake, backend } = make(goodHost(t, nodes));
  const device = backend.openSync(NAME, {});
  fake.calls.length = 0;
  return { fake, device, space: device.addressSpace };
}

test('for a device opened by group, map and unmap call the container with the flags of VFIO', (t) => {
  const { fake, space } = open(t);
  const memory = space.allocate(2 * PAGE_SIZE, false);
  space.mapSync(memory, PAGE_SIZE, PAGE, 0x10000n, 3);
  t.is(space.unmap(0x10000n, PAGE, 0), PAGE);
  const address = (103n << 32n) + PAGE;
  t.deepEqual(fake.calls, [
    `memoryAllocate ${2 * PAGE_SIZE} 0`,
    `containerMapDma 100 3 ${address} 65536 ${PAGE_SIZE}`,
    `containerUnmapDma 100 0 65536 ${PAGE_SIZE}`,
  ]);
});

test('memory of another process is mapped at its address, and unmapped after its last mapping', async (t) => {
  const { fake, space } = open(t);
  const unmapped: string[] = [];
  const memory = space.fromExternal({
    size: 2 ** 33,
    address: 0x7000_0000n,
    writable: true,
    read: () => false,
    write: () => false,
    unmap: () => unmapped.push('unmapped'),
  });
  t.is(memory.size, 2 ** 33);
  await space.map(memory, 2 ** 32, PAGE, 0x10000n, 3);
  memory.release();
  t.deepEqual(unmapped, []);
  t.is(space.unmap(0x10000n, PAGE, 0), PAGE);
  t.deepEqual(unmapped, ['unmapped']);
  t.deepEqual(fake.calls, [
    `containerMapDmaAsync 100 3 ${0x7000_0000 + 2 ** 32} 65536 ${PAGE_SIZE}`,
    `containerUnmapDma 100 0 65536 ${PAGE_SIZE}`,
  ]);
});

test('for a device opened by cdev, map and unmap call the IOAS with the flags of iommufd', (t) => {
  const { fake, space } = open(t, CDEV_NODES);
  const memory = space.allocate(PAGE_SIZE, false);
  for (const [flags, sent] of [
    [0, 1],
    [1, 5],
    [2, 3],
    [3, 7],
  ] as const) {
    fake.calls.length = 0;
    space.mapSync(memory, 0, PAGE, 0n, flags);
    t.is(fake.calls[0], `iommufdIoasMap 100 101 ${sent} ${104n << 32n} 0 ${PAGE_SIZE}`);
  }
  t.is(
    failure(t, () => {
      space.mapSync(memory, 0, PAGE, 0n, 4);
    }).code,
    'EINVAL',
  );
});

test('memory stays allocated while only its process address changes', async (t) => {
  const { fake, space } = open(t);
  const memory = space.allocate(PAGE_SIZE, false);
  const other = space.allocate(PAGE_SIZE, false);
  space.mapSync(memory, 0, PAGE, 0x10000n, 3);
  space.unmap(0x10000n, PAGE, VADDR);
  space.unmap(0n, 0n, 2 | VADDR);
  space.mapSync(other, 0, PAGE, 0x10000n, VADDR);
  await space.map(other, 0, PAGE, 0x10000n, VADDR);
  const released = () => fake.calls.filter((call) => call.startsWith('memoryRelease')).length;
  memory.release();
  t.is(released(), 0);
  other.release();
  t.is(released(), 1);
  space.unmap(0x10000n, PAGE, 0);
  t.is(released(), 2);
});

test('VFIO_DMA_UNMAP_FLAG_ALL unmaps the whole IOAS; with a range, the flag gives EINVAL', (t) => {
  const { fake, space } = open(t, CDEV_NODES);
  space.unmap(0n, 0n, 2);
  t.is(fake.calls[0], `iommufdIoasUnmap 100 101 0 ${2n ** 64n - 1n}`);
  t.is(failure(t, () => space.unmap(0n, PAGE, 2)).code, 'EINVAL');
  t.is(failure(t, () => space.unmap(0n, PAGE, 1)).code, 'EINVAL');
  t.is(fake.calls.length, 1);
});

test('an error has the errno that the kernel returned', (t) => {
  const { fake, space } = open(t, CDEV_NODES);
  fake.fail('iommufdIoasUnmap', 'ENOENT');
  const error = failure(t, () => space.unmap(0n, PAGE, 0));
  t.like(error, { code: 'ENOENT', syscall: 'iommufdIoasUnmap' });
  t.regex(error.path ?? '', /\/dev\/iommu$/);
});

test('the address space returns the IOVA ranges and page sizes that the kernel reports', (t) => {
  const group = open(t).space;
  t.deepEqual(group.ranges(), [
    { start: 0n, end: 0xfedf_ffffn },
    { start: 0xfef0_0000n, end: 0x7f_ffff_ffffn },
  ]);
  t.is(group.pageSizes, 0xffff_ffff_ffff_f000n);
  const cdev = open(t, CDEV_NODES).space;
  t.deepEqual(cdev.ranges(), [{ start: 0n, end: 0xfedf_ffffn }]);
  t.is(cdev.pageSizes, 0xffff_ffff_ffff_f000n);
});

test('released memory is freed when its last mapping is removed', (t) => {
  const { fake, space } = open(t);
  const memory = space.allocate(2 * PAGE_SIZE, false);
  space.mapSync(memory, 0, 2n * PAGE, 0n, 3);
  space.mapSync(memory, 0, PAGE, 0x10000n, 3);
  memory.release();
  memory.release();
  space.unmap(0n, 2n * PAGE, 0);
  t.deepEqual(fake.freed, []);
  space.unmap(0n, 0x20000n, 0);
  t.is(fake.freed.length, 1);
  t.throws(
    () => {
      space.mapSync(memory, 0, PAGE, 0n, 3);
    },
    { message: /released/ },
  );
});

test('if the range of unmap() cuts a mapping, only the mappings inside the range are removed', (t) => {
  const { fake, space } = open(t, CDEV_NODES);
  const [inside, cut] = [space.allocate(PAGE_SIZE, false), space.allocate(2 * PAGE_SIZE, false)];
  space.mapSync(inside, 0, PAGE, 0n, 3);
  space.mapSync(cut, 0, 2n * PAGE, PAGE, 3);
  inside.release();
  cut.release();
  space.unmap(0n, 2n * PAGE, 0);
  t.is(fake.freed.length, 1);
  space.unmap(0n, 0n, 2);
  t.is(fake.freed.length, 2);
});

test('after a failed map call, the address space does not keep the memory', async (t) => {
  const { fake, space } = open(t);
  const memory = space.allocate(PAGE_SIZE, false);
  fake.fail('containerMapDma', 'EEXIST');
  t.is(
    failure(t, () => {
      space.mapSync(memory, 0, PAGE, 0n, 3);
    }).code,
    'EEXIST',
  );
  await t.throwsAsync(space.map(memory, 0, PAGE, 0n, 3), { code: 'EEXIST' });
  memory.release();
  t.is(fake.freed.length, 1);
});

test('close unmaps the remaining mappings and frees released memory', (t) => {
  const { fake, device, space } = open(t);
  const memory = space.allocate(PAGE_SIZE, false);
  space.mapSync(memory, 0, PAGE, 0n, 3);
  memory.release();
  fake.calls.length = 0;
  device.close();
  t.deepEqual(fake.calls, [
    'close 102',
    `containerUnmapDma 100 0 0 ${PAGE_SIZE}`,
    `memoryRelease [object Object] [object ArrayBuffer]`,
    'groupUnsetContainer 101',
    'close 101',
    'close 100',
  ]);
  t.throws(() => space.ranges(), { code: 'EBADF', message: /closed/ });
  t.throws(() => space.unmap(0n, PAGE, 0), { code: 'EBADF' });
  t.throws(() => space.allocate(PAGE_SIZE, false), { code: 'EBADF' });
  t.throws(
    () => {
      space.mapSync(memory, 0, PAGE, 0n, 3);
    },
    { code: 'EBADF' },
  );
});

test('an unfinished asynchronous map call keeps the container open', async (t) => {
  const { fake, device, space } = open(t);
  const memory = space.allocate(PAGE_SIZE, false);
  const mapping = space.map(memory, 0, PAGE, 0n, 3);
  memory.release();
  device.close();
  t.true(fake.fds.has(100));
  t.deepEqual(fake.freed, []);
  await mapping;
  t.deepEqual([...fake.fds], []);
  t.is(fake.freed.length, 1);
});

test('the hint for ENOMEM states the needed bytes and the allowed bytes', (t) => {
  const { fake, space } = open(t);
  const memory = space.allocate(3 * PAGE_SIZE, false);
  space.mapSync(memory, 0, PAGE, 0n, 3);
  fake.fail('containerMapDma', 'ENOMEM');
  const { hint } = failure(t, () => {
    space.mapSync(memory, 0, 2n * PAGE, 0x10000n, 3);
  });
  const start = `${PAGE} bytes are mapped, and ${2n * PAGE} more bytes need `;
  t.true(hint?.startsWith(start) && hint.includes(`at least ${3n * PAGE} bytes`), hint);
  t.regex(hint ?? '', /RLIMIT_MEMLOCK is 8388608/);
  t.regex(hint ?? '', new RegExp(`prlimit --pid ${process.pid} --memlock=${3 * PAGE_SIZE}`));
});

test('without a memlock limit, ENOMEM has no hint; the hint for ENOSPC states the mapping limit', (t) => {
  const tree = new Tree(t, {
    devices: [{ name: NAME, driver: 'vfio-pci', group: 12 }],
    nodes: GROUP_NODES,
    memlock: 'unlimited',
  });
  const { fake, backend } = make(tree);
  const space = backend.openSync(NAME, {}).addressSpace;
  const memory = space.allocate(PAGE_SIZE, false);
  const refused = () =>
    failure(t, () => {
      space.mapSync(memory, 0, PAGE, 0n, 3);
    });
  fake.fail('containerMapDma', 'ENOMEM');
  t.is(refused().hint, undefined);
  fake.fail('containerMapDma', 'ENOSPC');
  t.regex(refused().hint ?? '', /dma_entry_limit/);
});

test('the hint for an IOVA outside the usable ranges lists the ranges', (t) => {
  const { fake, space } = open(t);
  const memory = space.allocate(PAGE_SIZE, false);
  fake.fail('containerMapDma', 'EINVAL');
  const refused = (iova: bigint) =>
    failure(t, () => {
      space.mapSync(memory, 0, PAGE, iova, 3);
    });
  t.regex(
    refused(0xfee0_0000n).hint ?? '',
    /allowed IOVA ranges are 0x0-0xfedfffff, 0xfef00000-0x7fffffffff/,
  );
  t.is(refused(PAGE).hint, undefined);
});

test('sizes are rounded up to huge pages; the hint for ENOMEM states the missing pages', (t) => {
  const { fake, space } = open(t);
  t.is(space.allocate(1, false).size, PAGE_SIZE);
  t.is(space.allocate(PAGE_SIZE + 1, true).size, 2 * PAGE_SIZE);
  t.is(space.allocate(PAGE_SIZE, '2M').size, 2 ** 21);
  t.deepEqual(fake.calls, [
    `memoryAllocate ${PAGE_SIZE} 0`,
    `memoryAllocate ${2 * PAGE_SIZE} -1`,
    `memoryAllocate ${2 ** 21} 21`,
  ]);
  fake.fail('memoryAllocate', 'ENOMEM');
  const error = failure(t, () => space.allocate(2 ** 22 + 1, '2M'));
  t.regex(
    error.hint ?? '',
    /fewer than 3 free huge pages .*'echo 3 > .*hugepages-2048kB\/nr_hugepages'/,
  );
});

test('shared memory and mapped memory must be page-aligned and consist of whole pages', (t) => {
  const { fake, space } = open(t);
  const shared = new SharedArrayBuffer(2 * PAGE_SIZE);
  const memory = space.fromShared(shared);
  t.is(memory.buffer, shared);
  space.mapSync(memory, PAGE_SIZE, PAGE, 0n, 1);
  t.is(fake.calls.at(-1), `containerMapDma 100 1 ${0x7000_0000 + PAGE_SIZE} 0 ${PAGE_SIZE}`);
  const wrong: [run: () => Memory, type: ErrorConstructor][] = [
    [() => space.fromShared(new SharedArrayBuffer(4095)), RangeError],
    [() => space.fromShared(new SharedArrayBuffer(0)), RangeError],
    [() => space.fromShared(new ArrayBuffer(PAGE_SIZE) as never), TypeError],
    [() => space.fromFd(5, 100, PAGE_SIZE, true), RangeError],
    [() => space.fromFd(5, 0, 100, true), RangeError],
    [() => space.fromFd(5, 0, 0, true), RangeError],
    [() => space.fromFd(-1, 0, PAGE_SIZE, true), RangeError],
    [() => space.allocate(0, false), RangeError],
    [() => space.allocate(PAGE_SIZE, '4K' as never), TypeError],
  ];
  fake.calls.length = 0;
  for (const [run, type] of wrong) t.throws(run, { instanceOf: type });
  t.deepEqual(fake.calls, []);
  fake.answers.addressOf = () => 0x7000_0010n;
  t.throws(() => space.fromShared(shared), {
    instanceOf: RangeError,
    message: /is not page-aligned.*maxByteLength/,
  });
  t.is(space.fromFd(5, PAGE_SIZE, 2 * PAGE_SIZE, false).size, 2 * PAGE_SIZE);
  t.is(fake.calls.at(-1), `memoryMapFd 5 ${PAGE_SIZE} ${2 * PAGE_SIZE} false`);
});

test('map and unmap refuse wrong arguments before any system call', (t) => {
  const { fake, space } = open(t);
  const memory = space.allocate(PAGE_SIZE, false);
  fake.calls.length = 0;
  const alien = { buffer: memory.buffer, size: PAGE_SIZE, release: () => undefined };
  const wrong: [run: () => unknown, type: ErrorConstructor][] = [
    [
      () => {
        space.mapSync(alien, 0, PAGE, 0n, 3);
      },
      TypeError,
    ],
    [
      () => {
        space.mapSync(memory, 0, 2n * PAGE, 0n, 3);
      },
      RangeError,
    ],
    [
      () => {
        space.mapSync(memory, PAGE_SIZE, PAGE, 0n, 3);
      },
      RangeError,
    ],
    [
      () => {
        space.mapSync(memory, -PAGE_SIZE, PAGE, 0n, 3);
      },
      RangeError,
    ],
    [
      () => {
        space.mapSync(memory, 0, -PAGE, 0n, 3);
      },
      RangeError,
    ],
    [
      () => {
        space.mapSync(memory, 0, PAGE, 2n ** 64n, 3);
      },
      RangeError,
    ],
    [
      () => {
        space.mapSync(memory, 0, PAGE_SIZE as never, 0n, 3);
      },
      TypeError,
    ],
    [
      () => {
        space.mapSync(memory, 0, PAGE, 0n, -1);
      },
      RangeError,
    ],
    [() => space.unmap(-1n, PAGE, 0), RangeError],
    [() => space.unmap(0n, PAGE, 2 ** 32), RangeError],
  ];
  for (const [run, type] of wrong) t.throws(run, { instanceOf: type });
  t.deepEqual(fake.calls, []);
});
