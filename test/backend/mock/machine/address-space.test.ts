import test from 'ava';
import fc from 'fast-check';
import { MockAddressSpace } from '../../../../lib/backend/mock/machine/address-space.js';
import { DmaFault } from '../../../../lib/backend/mock/machine/dma-fault.js';
import { fails } from '../support.js';

const READ = 1;
const WRITE = 2;
const BOTH = READ | WRITE;
/** VFIO_DMA_UNMAP_FLAG_ALL. */
const ALL = 2;
/** VFIO_DMA_MAP_FLAG_VADDR and VFIO_DMA_UNMAP_FLAG_VADDR. */
const VADDR = 4;
const PAGE = 4096;

test('a device reads and writes memory across adjacent mappings', (t) => {
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

test('a DMA transfer faults at the first byte that is not mapped for its direction', (t) => {
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

test('a device reaches the live memory of another process until the memory is taken away', (t) => {
  const space = new MockAddressSpace('mock:test');
  const bytes = new Uint8Array(2 * PAGE);
  const state = { exists: true, unmapped: 0 };
  const memory = space.fromExternal({
    size: bytes.length,
    address: 0n,
    writable: true,
    read(offset, into) {
      into.set(bytes.subarray(offset, offset + into.length));
      return state.exists;
    },
    write(offset, from) {
      bytes.set(from, offset);
      return state.exists;
    },
    unmap() {
      state.unmapped++;
    },
  });
  space.mapSync(memory, PAGE, 4096n, 0x10000n, BOTH);
  space.write(0x10004n, Uint8Array.of(1, 2));
  t.deepEqual([...bytes.subarray(PAGE + 4, PAGE + 6)], [1, 2]);
  bytes[PAGE] = 9;
  const read = new Uint8Array(1);
  space.read(0x10000n, read);
  t.is(read[0], 9);
  state.exists = false;
  t.throws(
    () => {
      space.read(0x10000n, read);
    },
    { instanceOf: DmaFault },
  );
  memory.release();
  t.is(state.unmapped, 0);
  space.unmap(0x10000n, 4096n, 0);
  memory.release();
  t.is(state.unmapped, 1);
  t.throws(
    () => {
      space.mapSync(memory, 0, 4096n, 0x10000n, BOTH);
    },
    { code: 'EBADF' },
  );
});

test('MAP_DMA fails with the kernel’s errors, and checks run in the kernel’s order', (t) => {
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

test('VFIO_DMA_UNMAP_FLAG_VADDR invalidates addresses, and a map call renews them', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(4 * PAGE, false);
  const other = space.allocate(4 * PAGE, false);
  const renew = (size: bigint, iova: bigint) => {
    space.mapSync(other, 0, size, iova, VADDR);
  };
  const refuses = (code: string, size: bigint, iova: bigint) => {
    fails(t, code, () => {
      renew(size, iova);
    });
  };
  space.mapSync(memory, 0, 8192n, 0x10000n, BOTH);
  space.mapSync(memory, 8192, 4096n, 0x12000n, BOTH);
  refuses('EINVAL', 8192n, 0x10000n);
  refuses('ENOENT', 4096n, 0x20000n);
  fails(t, 'EINVAL', () => space.unmap(0x10000n, 4096n, VADDR));
  fails(t, 'EOVERFLOW', () => space.unmap(0x10000n, 2n ** 64n - 4096n, VADDR));
  fails(t, 'EINVAL', () => space.unmap(0x10000n, 8192n, VADDR | 1));
  t.is(space.unmap(0x20000n, 4096n, VADDR), 0n);
  t.is(space.unmap(0x12000n, 4096n, VADDR), 4096n);
  // The second mapping is already invalid, so the first mapping stays valid.
  fails(t, 'EINVAL', () => space.unmap(0x10000n, 12288n, VADDR));
  refuses('EINVAL', 8192n, 0x10000n);
  renew(4096n, 0x12000n);
  t.is(space.unmap(0n, 0n, ALL | VADDR), 12288n);
  fails(t, 'EINVAL', () => space.unmap(0n, 0n, ALL | VADDR));
  fails(t, 'EEXIST', () => {
    space.mapSync(other, 0, 8192n, 0x10000n, BOTH);
  });
  refuses('EINVAL', 4096n, 0x10000n);
  refuses('EINVAL', 12288n, 0x10000n);
  renew(8192n, 0x10000n);
  refuses('EINVAL', 8192n, 0x10000n);
  // The device still reaches the memory of the first map call.
  space.write(0x10000n, Uint8Array.of(7));
  t.is(new Uint8Array(memory.buffer)[0], 7);
  t.is(new Uint8Array(other.buffer)[0], 0);
  t.is(space.unmap(0x10000n, 12288n, 0), 12288n);
});

test('released memory cannot be mapped', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE, false);
  space.mapSync(memory, 0, 4096n, 0n, BOTH);
  space.unmap(0n, 4096n, VADDR);
  memory.release();
  for (const flags of [BOTH, VADDR]) {
    fails(t, 'EBADF', () => {
      space.mapSync(memory, 0, 4096n, 0n, flags);
    });
  }
});

test('UNMAP_DMA removes whole mappings or fails with EINVAL', (t) => {
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

test('wrong arguments throw before any call to the container', (t) => {
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

test('the promise of map() rejects with the kernel’s error', async (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE, false);
  await space.map(memory, 0, 4096n, 0n, BOTH);
  await t.throwsAsync(space.map(memory, 0, 4096n, 0n, BOTH), { code: 'EEXIST' });
});

test('close() frees released memory; a closed address space fails with EBADF', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE, false);
  const { buffer } = memory;
  space.mapSync(memory, 0, 4096n, 0n, BOTH);
  memory.release();
  space.close();
  space.close();
  t.is(buffer.byteLength, 0);
  t.throws(() => memory.buffer, { code: 'EBADF' });
  t.throws(() => space.ranges(), { code: 'EBADF' });
  t.throws(() => space.allocate(PAGE, false), { code: 'EBADF' });
  t.throws(() => space.unmap(0n, 0n, 2), { code: 'EBADF' });
});

test('after random maps and unmaps, the mapped pages are those of a reference model', (t) => {
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
