import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { MockAddressSpace } from '../../../lib/backend/mock/host/address-space.js';
import { ioas } from '../../../lib/backend/mock/host/ioas.js';
import { defaultLimits } from '../../../lib/backend/mock/host/limits.js';
import { type1 } from '../../../lib/backend/mock/host/type1.js';
import { profileOf } from '../../../lib/backend/mock/profile.js';
import { DmaFault } from '../../../lib/backend/mock/models/model.js';
import { fails } from './support.js';

/** Node has it; the declarations in use here have not. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => {
    buffer: SharedArrayBuffer;
  };
};

const READ = 1;
const WRITE = 2;
const BOTH = READ | WRITE;
const PAGE = 4096;

test('a device reads and writes memory at its IOVA, over neighbouring mappings', (t) => {
  const space = new MockAddressSpace('mock:test');
  const [low, high] = [space.allocate(PAGE, false), space.allocate(2 * PAGE, false)];
  space.mapSync(low, 0, 4096n, 0x10000n, BOTH);
  space.mapSync(high, PAGE, 4096n, 0x11000n, BOTH);
  space.write(0x10ffcn, Uint8Array.of(1, 2, 3, 4, 5, 6));
  t.deepEqual([...new Uint8Array(low.buffer, PAGE - 4)], [1, 2, 3, 4]);
  t.deepEqual([...new Uint8Array(high.buffer, PAGE, 3)], [5, 6, 0]);
  const read = new Uint8Array(6);
  space.read(0x10ffcn, read);
  t.deepEqual([...read], [1, 2, 3, 4, 5, 6]);
});

test('what is not mapped, or not for that direction, faults at its first byte', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE, false);
  space.mapSync(memory, 0, 4096n, 0x10000n, READ);
  const fault = (run: () => void) => t.throws(run, { instanceOf: DmaFault }).address;
  t.is(
    fault(() => {
      space.write(0x10000n, new Uint8Array(1));
    }),
    0x10000n,
  );
  t.is(
    fault(() => {
      space.read(0x10ffen, new Uint8Array(4));
    }),
    0x11000n,
  );
  space.unmap(0x10000n, 4096n, 0);
  space.mapSync(memory, 0, 4096n, 0x10000n, WRITE);
  t.is(
    fault(() => {
      space.read(0x10000n, new Uint8Array(1));
    }),
    0x10000n,
  );
  t.is(
    fault(() => {
      space.write(0x10ffen, Uint8Array.of(7, 8, 9));
    }),
    0x11000n,
  );
  t.deepEqual([...new Uint8Array(memory.buffer, PAGE - 2)], [7, 8]);
});

test('MAP_DMA: errors in the order of the kernel', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(4 * PAGE, false);
  const cases: [string, [number, bigint, bigint, number]][] = [
    ['EINVAL', [0, 4096n, 0n, 8]],
    ['EINVAL', [0, 0n, 0n, BOTH]],
    ['EOVERFLOW', [0, 8192n, 2n ** 64n - 4096n, BOTH]],
    ['EOVERFLOW', [0, 100n, 2n ** 64n - 50n, 0]],
    ['EINVAL', [0, 4096n, 0n, 0]],
    ['EINVAL', [0, 4096n, 0n, 4 | READ]],
    ['ENOENT', [0, 4096n, 0n, 4]],
    ['EINVAL', [0, 100n, 0n, BOTH]],
    ['EINVAL', [0, 4096n, 100n, BOTH]],
    ['EINVAL', [100, 4096n, 0n, BOTH]],
    ['EINVAL', [0, 4096n, 0xfee00000n, BOTH]],
    ['EINVAL', [0, 8192n, 0xfedff000n, BOTH]],
    ['EINVAL', [0, 4096n, 2n ** 48n, BOTH]],
    ['EINVAL', [0, 4096n, 2n ** 64n - 4096n, BOTH]],
  ];
  for (const [code, [offset, size, iova, flags]] of cases) {
    fails(t, code, () => {
      space.mapSync(memory, offset, size, iova, flags);
    });
  }
  space.mapSync(memory, 0, 8192n, 0x10000n, BOTH);
  for (const iova of [0xf000n, 0x10000n, 0x11000n]) {
    fails(t, 'EEXIST', () => {
      space.mapSync(memory, 0, 8192n, iova, BOTH);
    });
  }
  fails(t, 'EINVAL', () => {
    space.mapSync(memory, 0, 4096n, 0x10000n, 4);
  });
  t.notThrows(() => {
    space.mapSync(memory, 0, 8192n, 0x12000n, BOTH);
  });
  t.notThrows(() => {
    space.mapSync(memory, 0, 4096n, 2n ** 48n - 4096n, BOTH);
  });
});

test('UNMAP_DMA: whole mappings, none at all, or EINVAL', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(2 * PAGE, false);
  space.mapSync(memory, 0, 8192n, 0x10000n, BOTH);
  space.mapSync(memory, 0, 4096n, 0x20000n, BOTH);
  const cases: [string, [bigint, bigint, number]][] = [
    ['EINVAL', [0x10000n, 4096n, 8]],
    ['EINVAL', [0x10001n, 4096n, 0]],
    ['EINVAL', [0x10000n, 0n, 2]],
    ['EINVAL', [0n, 4096n, 2]],
    ['EINVAL', [0x10000n, 0n, 0]],
    ['EINVAL', [0x10000n, 100n, 0]],
    ['EOVERFLOW', [2n ** 64n - 4096n, 8192n, 0]],
    ['EINVAL', [0x10000n, 4096n, 0]],
    ['EINVAL', [0x11000n, 4096n, 0]],
    ['EINVAL', [0x0n, 0x11000n, 0]],
  ];
  for (const [code, [iova, size, flags]] of cases) {
    fails(t, code, () => space.unmap(iova, size, flags));
  }
  t.is(space.unmap(0x40000n, 4096n, 0), 0n);
  t.is(space.unmap(0x0n, 0x30000n, 0), 12288n);
  t.is(space.unmap(0n, 0n, 2), 0n);
  space.mapSync(memory, 0, 8192n, 0x10000n, BOTH);
  t.is(space.unmap(0n, 0n, 2), 8192n);
});

test('a mapping keeps its memory until it is unmapped', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(1, false);
  t.is(memory.size, PAGE);
  space.mapSync(memory, 0, 4096n, 0n, BOTH);
  memory.release();
  t.notThrows(() => {
    space.write(0n, Uint8Array.of(1));
  });
  t.is(memory.buffer.byteLength, PAGE);
  space.unmap(0n, 4096n, 0);
  t.is(memory.buffer.byteLength, 0);
  t.throws(
    () => {
      space.mapSync(memory, 0, 4096n, 0n, BOTH);
    },
    { instanceOf: TypeError },
  );
  t.notThrows(() => {
    memory.release();
  });
});

test('memory of huge pages is whole huge pages', (t) => {
  const space = new MockAddressSpace('mock:test');
  t.is(space.allocate(1, '2M').size, 2 ** 21);
  t.throws(() => space.allocate(1, '4M' as never), { instanceOf: TypeError });
  t.throws(() => space.allocate(0, false), { instanceOf: RangeError });
});

test('a SharedArrayBuffer is taken if it is whole pages from a page on', (t) => {
  const space = new MockAddressSpace('mock:test');
  const make = SharedArrayBuffer as new (
    size: number,
    options?: { maxByteLength: number },
  ) => SharedArrayBuffer;
  const shared = new make(PAGE, { maxByteLength: PAGE });
  const memory = space.fromShared(shared);
  t.is(memory.buffer, shared);
  space.mapSync(memory, 0, 4096n, 0n, BOTH);
  space.write(5n, Uint8Array.of(6));
  t.is(new Uint8Array(shared)[5], 6);
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  t.is(space.fromShared(wasm.buffer).size, 65536);
  const wrong = [new make(PAGE), new make(100, { maxByteLength: PAGE }), new make(0)];
  for (const buffer of wrong) {
    t.throws(() => space.fromShared(buffer), { instanceOf: RangeError });
  }
});

test('memory of a file: the device sees it, and the file sees device and program', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-mock-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'memory');
  writeFileSync(path, Buffer.alloc(2 * PAGE, 0x11));
  const fd = openSync(path, 'r+');
  const space = new MockAddressSpace('mock:test');
  const memory = space.fromFd(fd, PAGE, PAGE, true);
  space.mapSync(memory, 0, 4096n, 0n, BOTH);
  const read = new Uint8Array(1);
  space.read(0n, read);
  t.is(read[0], 0x11);
  space.write(1n, Uint8Array.of(0x22));
  t.is(readFileSync(path)[PAGE + 1], 0x22);
  new Uint8Array(memory.buffer)[2] = 0x33;
  space.unmap(0n, 4096n, 0);
  memory.release();
  t.is(readFileSync(path)[PAGE + 2], 0x33);

  const beyond = space.fromFd(fd, PAGE, 2 * PAGE, true);
  fails(t, 'EFAULT', () => {
    space.mapSync(beyond, 0, 8192n, 0n, BOTH);
  });
  const readOnly = openSync(path, 'r');
  fails(t, 'EACCES', () => space.fromFd(readOnly, 0, PAGE, true));
  const constant = space.fromFd(readOnly, 0, PAGE, false);
  fails(t, 'EFAULT', () => {
    space.mapSync(constant, 0, 4096n, 0n, BOTH);
  });
  t.notThrows(() => {
    space.mapSync(constant, 0, 4096n, 0n, READ);
  });
  t.throws(() => space.fromFd(fd, 1, PAGE, true), { instanceOf: RangeError });
  t.throws(() => space.fromFd(fd, 0, 100, true), { instanceOf: RangeError });
  closeSync(readOnly);
  fails(t, 'EBADF', () => space.fromFd(readOnly, 0, PAGE, true));
  closeSync(fd);
});

test('wrong arguments do not reach the container', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE, false);
  t.throws(
    () => {
      space.mapSync(memory, 0, 8192n, 0n, BOTH);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      space.mapSync(memory, -1, 4096n, 0n, BOTH);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      space.mapSync(memory, 0, 4096n, -1n, BOTH);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      space.mapSync({} as never, 0, 4096n, 0n, BOTH);
    },
    { instanceOf: TypeError },
  );
});

test('the asynchronous way fails by rejection', async (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE, false);
  await space.map(memory, 0, 4096n, 0n, BOTH);
  await t.throwsAsync(space.map(memory, 0, 4096n, 0n, BOTH), { code: 'EEXIST' });
});

test('a closed space lets go of everything and refuses', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE, false);
  space.mapSync(memory, 0, 4096n, 0n, BOTH);
  memory.release();
  space.close();
  space.close();
  t.is(memory.buffer.byteLength, 0);
  t.throws(() => space.ranges(), { instanceOf: TypeError });
  t.throws(() => space.unmap(0n, 0n, 2), { instanceOf: TypeError });
});

test('mappings never overlap, and what is mapped is what was asked for', (t) => {
  const step = fc.record({
    unmap: fc.boolean(),
    page: fc.integer({ min: 0, max: 15 }),
    pages: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const space = new MockAddressSpace('mock:test');
      const memory = space.allocate(4 * PAGE, false);
      const model: (number | null)[] = new Array<number | null>(32).fill(null);
      for (const [id, { unmap, page, pages }] of steps.entries()) {
        const [iova, size] = [BigInt(page * PAGE), BigInt(pages * PAGE)];
        const within = model.slice(page, page + pages);
        if (unmap) {
          const ids = new Set(within.filter((owner) => owner !== null));
          const cut = [...ids].some((owner) => {
            const outside = [...model.slice(0, page), ...model.slice(page + pages)];
            return outside.includes(owner);
          });
          const mapped = within.filter((owner) => owner !== null).length;
          if (cut) fails(t, 'EINVAL', () => space.unmap(iova, size, 0));
          else {
            t.is(space.unmap(iova, size, 0), BigInt(mapped * PAGE));
            model.fill(null, page, page + pages);
          }
        } else if (within.some((owner) => owner !== null)) {
          fails(t, 'EEXIST', () => {
            space.mapSync(memory, 0, size, iova, BOTH);
          });
        } else {
          space.mapSync(memory, 0, size, iova, BOTH);
          model.fill(id, page, page + pages);
        }
      }
      for (const [page, owner] of model.entries()) {
        const read = () => {
          space.read(BigInt(page * PAGE), new Uint8Array(1));
        };
        if (owner === null) t.throws(read, { instanceOf: DmaFault });
        else t.notThrows(read);
      }
    }),
    { numRuns: 100 },
  );
});

/** The same requests to both interfaces of the kernel: what they are refused with. */
test('iommufd: its own errors, in its own order', (t) => {
  const limits = defaultLimits();
  const [type1Space, iommufd] = [
    new MockAddressSpace('mock:test'),
    new MockAddressSpace('mock:test', ioas(limits), limits),
  ];
  const TOP = 2n ** 64n - 1n;
  const PAGES = 4096n;
  const maps: [bigint, bigint, number, string | null, string | null][] = [
    [0n, 8192n, BOTH, null, null],
    [0x10_0000n, 4096n, BOTH, null, null],
    [0n, PAGES, 8, 'EINVAL', 'EINVAL'],
    [0n, PAGES, 0, 'EINVAL', 'EINVAL'],
    [TOP, PAGES, 0, 'EOVERFLOW', 'EOVERFLOW'],
    [TOP, 1n, BOTH, 'EINVAL', 'EOVERFLOW'],
    [0n, 0n, BOTH, 'EINVAL', 'EINVAL'],
    [4096n, PAGES, BOTH, 'EEXIST', 'EEXIST'],
    [0xfee0_0000n, PAGES, BOTH, 'EINVAL', 'EINVAL'],
    [TOP - 4095n, 8192n, BOTH, 'EOVERFLOW', 'EOVERFLOW'],
    [TOP - 4095n, 8192n, 0, 'EOVERFLOW', 'EINVAL'],
    [1n, PAGES, BOTH, 'EINVAL', 'EINVAL'],
  ];
  for (const [iova, size, flags, ...expected] of maps) {
    for (const [i, space] of [type1Space, iommufd].entries()) {
      const memory = space.allocate(8192, false);
      const run = () => {
        space.mapSync(memory, 0, size, iova, flags);
      };
      const code = expected[i];
      if (code === null) t.notThrows(run);
      else fails(t, code ?? '', run);
    }
  }
  const unmaps: [bigint, bigint, number, string | bigint, string | bigint][] = [
    [0n, 4096n, 0, 'EINVAL', 'ENOENT'],
    [4096n, 4096n, 0, 'EINVAL', 'ENOENT'],
    [0x20_0000n, PAGES, 0, 0n, 'ENOENT'],
    [0x20_0000n, 0n, 0, 'EINVAL', 'EINVAL'],
    [1n, TOP, 0, 'EINVAL', 'EOVERFLOW'],
    [TOP - 4095n, 8192n, 0, 'EOVERFLOW', 'EOVERFLOW'],
    [4096n, 4096n, 2, 'EINVAL', 'EINVAL'],
    [0n, 0n, 2, 12288n, 12288n],
    [0n, 0n, 2, 0n, 0n],
    [0n, TOP, 0, 'EINVAL', 0n],
  ];
  for (const [iova, size, flags, ...expected] of unmaps) {
    for (const [i, space] of [type1Space, iommufd].entries()) {
      const wanted = expected[i];
      if (typeof wanted === 'bigint') t.is(space.unmap(iova, size, flags), wanted);
      else fails(t, wanted ?? '', () => space.unmap(iova, size, flags));
    }
  }
});

test('iommufd: an unmapping that would cut is ENOENT, and what lies before the cut is gone', (t) => {
  const space = new MockAddressSpace('mock:test', ioas(defaultLimits()));
  const memory = space.allocate(4 * PAGE, false);
  space.mapSync(memory, 0, 4096n, 0x1000n, BOTH);
  space.mapSync(memory, 0, 8192n, 0x3000n, BOTH);
  fails(t, 'ENOENT', () => space.unmap(0x1000n, 0x3000n, 0));
  space.mapSync(memory, 0, 4096n, 0x1000n, BOTH);
  fails(t, 'ENOENT', () => space.unmap(0x4000n, 0x1000n, 0));
  t.is(space.unmap(0n, 0n, 2), 12288n);
});

test('dma_entry_limit is of containers only, RLIMIT_MEMLOCK of both', (t) => {
  for (const way of ['group', 'cdev'] as const) {
    const limits = { ...defaultLimits(), dmaEntries: 2, memlock: 16384n };
    const rules = way === 'group' ? type1(profileOf(), limits) : ioas(limits);
    const space = new MockAddressSpace('mock:test', rules, limits);
    const memory = space.allocate(5 * PAGE, false);
    const map = (iova: bigint, size: bigint) => () => {
      space.mapSync(memory, 0, size, iova, BOTH);
    };
    t.notThrows(map(0n, 4096n));
    fails(t, 'ENOMEM', map(0x10000n, 16384n));
    t.notThrows(map(0x10000n, 4096n));
    if (way === 'group') fails(t, 'ENOSPC', map(0x20000n, 4096n));
    else t.notThrows(map(0x20000n, 4096n));
    t.is(space.unmap(0x10000n, 4096n, 0), 4096n);
    t.notThrows(map(0x30000n, 4096n));
  }
});

test('page sizes: those of the page tables, or what addresses are aligned to', (t) => {
  t.is(new MockAddressSpace('mock:test').pageSizes, 0x4020_1000n);
  t.is(new MockAddressSpace('mock:test', ioas(defaultLimits())).pageSizes, 2n ** 64n - 4096n);
});
