import test from 'ava';
import fc from '../../../fast-check.js';
import { MockAddressSpace } from '../../../../lib/backend/mock/machine/address-space.js';
import { DmaFault } from '../../../../lib/backend/mock/machine/dma-fault.js';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { fails } from '../support.js';

const READ = 1;
const WRITE = 2;
const BOTH = READ | WRITE;
/** VFIO_DMA_UNMAP_FLAG_ALL. */
const ALL = 2;
/** VFIO_DMA_MAP_FLAG_VADDR and VFIO_DMA_UNMAP_FLAG_VADDR. */
const VADDR = 4;
const PAGE = BigInt(PAGE_SIZE);

test('a device reads and writes memory across adjacent mappings', (t) => {
  const space = new MockAddressSpace('mock:test');
  const [low, high] = [space.allocate(PAGE_SIZE, false), space.allocate(2 * PAGE_SIZE, false)];
  space.mapSync(low, 0, PAGE, 0x10000n, BOTH);
  space.mapSync(high, PAGE_SIZE, PAGE, 0x10000n + PAGE, BOTH);
  space.write(0x10000n + PAGE - 4n, Uint8Array.of(1, 2, 3, 4, 5, 6));
  t.deepEqual([...new Uint8Array(low.buffer, PAGE_SIZE - 4)], [1, 2, 3, 4]);
  t.deepEqual([...new Uint8Array(high.buffer, PAGE_SIZE, 3)], [5, 6, 0]);
  const read = new Uint8Array(6);
  space.read(0x10000n + PAGE - 4n, read);
  t.deepEqual([...read], [1, 2, 3, 4, 5, 6]);
});

test('a DMA transfer faults at the first byte that is not mapped for its direction', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE_SIZE, false);
  space.mapSync(memory, 0, PAGE, 0x10000n, READ);
  const fault = (run: () => void) => t.throws(run, { instanceOf: DmaFault }).address;
  t.is(
    fault(() => {
      space.write(0x10000n, new Uint8Array(1));
    }),
    0x10000n,
  );
  t.is(
    fault(() => {
      space.read(0x10000n + PAGE - 2n, new Uint8Array(4));
    }),
    0x10000n + PAGE,
  );
  space.unmap(0x10000n, PAGE, 0);
  space.mapSync(memory, 0, PAGE, 0x10000n, WRITE);
  t.is(
    fault(() => {
      space.read(0x10000n, new Uint8Array(1));
    }),
    0x10000n,
  );
  t.is(
    fault(() => {
      space.write(0x10000n + PAGE - 2n, Uint8Array.of(7, 8, 9));
    }),
    0x10000n + PAGE,
  );
  t.deepEqual([...new Uint8Array(memory.buffer, PAGE_SIZE - 2)], [7, 8]);
});

test('a device reaches the live memory of another process until the memory is taken away', (t) => {
  const space = new MockAddressSpace('mock:test');
  const bytes = new Uint8Array(2 * PAGE_SIZE);
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
  space.mapSync(memory, PAGE_SIZE, PAGE, 0x10000n, BOTH);
  space.write(0x10004n, Uint8Array.of(1, 2));
  t.deepEqual([...bytes.subarray(PAGE_SIZE + 4, PAGE_SIZE + 6)], [1, 2]);
  bytes[PAGE_SIZE] = 9;
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
  space.unmap(0x10000n, PAGE, 0);
  memory.release();
  t.is(state.unmapped, 1);
  t.throws(
    () => {
      space.mapSync(memory, 0, PAGE, 0x10000n, BOTH);
    },
    { code: 'EBADF' },
  );
});

test('MAP_DMA fails with the kernel’s errors, and checks run in the kernel’s order', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(4 * PAGE_SIZE, false);
  const cases: [string, [number, bigint, bigint, number]][] = [
    ['EINVAL', [0, PAGE, 0n, 8]],
    ['EINVAL', [0, 0n, 0n, BOTH]],
    ['EOVERFLOW', [0, 2n * PAGE, 2n ** 64n - PAGE, BOTH]],
    ['EOVERFLOW', [0, 100n, 2n ** 64n - 50n, 0]],
    ['EINVAL', [0, PAGE, 0n, 0]],
    ['EINVAL', [0, PAGE, 0n, 4 | READ]],
    ['ENOENT', [0, PAGE, 0n, 4]],
    ['EINVAL', [0, 100n, 0n, BOTH]],
    ['EINVAL', [0, PAGE, 100n, BOTH]],
    ['EINVAL', [100, PAGE, 0n, BOTH]],
    ['EINVAL', [0, PAGE, 0xfee00000n, BOTH]],
    ['EINVAL', [0, 2n * PAGE, 0xfee00000n - PAGE, BOTH]],
    ['EINVAL', [0, PAGE, 2n ** 48n, BOTH]],
    ['EINVAL', [0, PAGE, 2n ** 64n - PAGE, BOTH]],
  ];
  for (const [code, [offset, size, iova, flags]] of cases) {
    fails(t, code, () => {
      space.mapSync(memory, offset, size, iova, flags);
    });
  }
  space.mapSync(memory, 0, 2n * PAGE, 0x10000n, BOTH);
  for (const iova of [0x10000n - PAGE, 0x10000n, 0x10000n + PAGE]) {
    fails(t, 'EEXIST', () => {
      space.mapSync(memory, 0, 2n * PAGE, iova, BOTH);
    });
  }
  fails(t, 'EINVAL', () => {
    space.mapSync(memory, 0, PAGE, 0x10000n, 4);
  });
  t.notThrows(() => {
    space.mapSync(memory, 0, 2n * PAGE, 0x10000n + 2n * PAGE, BOTH);
  });
  t.notThrows(() => {
    space.mapSync(memory, 0, PAGE, 2n ** 48n - PAGE, BOTH);
  });
});

test('VFIO_DMA_UNMAP_FLAG_VADDR invalidates addresses, and a map call renews them', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(4 * PAGE_SIZE, false);
  const other = space.allocate(4 * PAGE_SIZE, false);
  const renew = (size: bigint, iova: bigint) => {
    space.mapSync(other, 0, size, iova, VADDR);
  };
  const refuses = (code: string, size: bigint, iova: bigint) => {
    fails(t, code, () => {
      renew(size, iova);
    });
  };
  space.mapSync(memory, 0, 2n * PAGE, 0x10000n, BOTH);
  space.mapSync(memory, 2 * PAGE_SIZE, PAGE, 0x10000n + 2n * PAGE, BOTH);
  refuses('EINVAL', 2n * PAGE, 0x10000n);
  refuses('ENOENT', PAGE, 0x20000n);
  fails(t, 'EINVAL', () => space.unmap(0x10000n, PAGE, VADDR));
  fails(t, 'EOVERFLOW', () => space.unmap(0x10000n, 2n ** 64n - PAGE, VADDR));
  fails(t, 'EINVAL', () => space.unmap(0x10000n, 2n * PAGE, VADDR | 1));
  t.is(space.unmap(0x20000n, PAGE, VADDR), 0n);
  t.is(space.unmap(0x10000n + 2n * PAGE, PAGE, VADDR), PAGE);
  // The second mapping is already invalid, so the first mapping stays valid.
  fails(t, 'EINVAL', () => space.unmap(0x10000n, 3n * PAGE, VADDR));
  refuses('EINVAL', 2n * PAGE, 0x10000n);
  renew(PAGE, 0x10000n + 2n * PAGE);
  t.is(space.unmap(0n, 0n, ALL | VADDR), 3n * PAGE);
  fails(t, 'EINVAL', () => space.unmap(0n, 0n, ALL | VADDR));
  fails(t, 'EEXIST', () => {
    space.mapSync(other, 0, 2n * PAGE, 0x10000n, BOTH);
  });
  refuses('EINVAL', PAGE, 0x10000n);
  refuses('EINVAL', 3n * PAGE, 0x10000n);
  renew(2n * PAGE, 0x10000n);
  refuses('EINVAL', 2n * PAGE, 0x10000n);
  // The device still reaches the memory of the first map call.
  space.write(0x10000n, Uint8Array.of(7));
  t.is(new Uint8Array(memory.buffer)[0], 7);
  t.is(new Uint8Array(other.buffer)[0], 0);
  t.is(space.unmap(0x10000n, 3n * PAGE, 0), 3n * PAGE);
});

test('released memory cannot be mapped', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE_SIZE, false);
  space.mapSync(memory, 0, PAGE, 0n, BOTH);
  space.unmap(0n, PAGE, VADDR);
  memory.release();
  for (const flags of [BOTH, VADDR]) {
    fails(t, 'EBADF', () => {
      space.mapSync(memory, 0, PAGE, 0n, flags);
    });
  }
});

test('UNMAP_DMA removes whole mappings or fails with EINVAL', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(2 * PAGE_SIZE, false);
  space.mapSync(memory, 0, 2n * PAGE, 0x10000n, BOTH);
  space.mapSync(memory, 0, PAGE, 0x20000n, BOTH);
  const cases: [string, [bigint, bigint, number]][] = [
    ['EINVAL', [0x10000n, PAGE, 8]],
    ['EINVAL', [0x10001n, PAGE, 0]],
    ['EINVAL', [0x10000n, 0n, 2]],
    ['EINVAL', [0n, PAGE, 2]],
    ['EINVAL', [0x10000n, 0n, 0]],
    ['EINVAL', [0x10000n, 100n, 0]],
    ['EOVERFLOW', [2n ** 64n - PAGE, 2n * PAGE, 0]],
    ['EINVAL', [0x10000n, PAGE, 0]],
    ['EINVAL', [0x10000n + PAGE, PAGE, 0]],
    ['EINVAL', [0x0n, 0x10000n + PAGE, 0]],
  ];
  for (const [code, [iova, size, flags]] of cases) {
    fails(t, code, () => space.unmap(iova, size, flags));
  }
  t.is(space.unmap(0x40000n, PAGE, 0), 0n);
  t.is(space.unmap(0x0n, 0x30000n, 0), 3n * PAGE);
  t.is(space.unmap(0n, 0n, 2), 0n);
  space.mapSync(memory, 0, 2n * PAGE, 0x10000n, BOTH);
  t.is(space.unmap(0n, 0n, 2), 2n * PAGE);
});

test('wrong arguments throw before any call to the container', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE_SIZE, false);
  t.throws(
    () => {
      space.mapSync(memory, 0, 2n * PAGE, 0n, BOTH);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      space.mapSync(memory, -1, PAGE, 0n, BOTH);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      space.mapSync(memory, 0, PAGE, -1n, BOTH);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      space.mapSync({} as never, 0, PAGE, 0n, BOTH);
    },
    { instanceOf: TypeError },
  );
});

test('the promise of map() rejects with the kernel’s error', async (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE_SIZE, false);
  await space.map(memory, 0, PAGE, 0n, BOTH);
  await t.throwsAsync(space.map(memory, 0, PAGE, 0n, BOTH), { code: 'EEXIST' });
});

test('close() frees released memory; a closed address space fails with EBADF', (t) => {
  const space = new MockAddressSpace('mock:test');
  const memory = space.allocate(PAGE_SIZE, false);
  const { buffer } = memory;
  space.mapSync(memory, 0, PAGE, 0n, BOTH);
  memory.release();
  space.close();
  space.close();
  t.is(buffer.byteLength, 0);
  t.throws(() => memory.buffer, { code: 'EBADF' });
  t.throws(() => space.ranges(), { code: 'EBADF' });
  t.throws(() => space.allocate(PAGE_SIZE, false), { code: 'EBADF' });
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
      const memory = space.allocate(4 * PAGE_SIZE, false);
      const model: (number | null)[] = new Array<number | null>(32).fill(null);
      for (const [id, { unmap, page, pages }] of steps.entries()) {
        const [iova, size] = [BigInt(page * PAGE_SIZE), BigInt(pages * PAGE_SIZE)];
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
            t.is(space.unmap(iova, size, 0), BigInt(mapped * PAGE_SIZE));
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
          space.read(BigInt(page * PAGE_SIZE), new Uint8Array(1));
        };
        if (owner === null) t.throws(read, { instanceOf: DmaFault });
        else t.notThrows(read);
      }
    }),
    { numRuns: 100 },
  );
});
