import test from 'ava';
import { MockAddressSpace } from '../../../../lib/backend/mock/machine/address-space.js';
import { ioas } from '../../../../lib/backend/mock/machine/ioas.js';
import { defaultLimits } from '../../../../lib/backend/mock/machine/limits.js';
import { type1 } from '../../../../lib/backend/mock/machine/type1.js';
import { profileOf } from '../../../../lib/backend/mock/machine/profile.js';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { fails } from '../support.js';

const BOTH = 1 | 2;
const PAGE = BigInt(PAGE_SIZE);

test('iommufd and a container refuse the same requests with different errors', (t) => {
  const limits = defaultLimits();
  const [type1Space, iommufd] = [
    new MockAddressSpace('mock:test'),
    new MockAddressSpace('mock:test', ioas(profileOf(), limits), limits),
  ];
  const TOP = 2n ** 64n - 1n;
  const maps: [bigint, bigint, number, string | null, string | null][] = [
    [0n, 2n * PAGE, BOTH, null, null],
    [0x10_0000n, PAGE, BOTH, null, null],
    [0n, PAGE, 8, 'EINVAL', 'EINVAL'],
    [0n, PAGE, 0, 'EINVAL', 'EINVAL'],
    [TOP, PAGE, 0, 'EOVERFLOW', 'EOVERFLOW'],
    [TOP, 1n, BOTH, 'EINVAL', 'EOVERFLOW'],
    [0n, 0n, BOTH, 'EINVAL', 'EINVAL'],
    [PAGE, PAGE, BOTH, 'EEXIST', 'EEXIST'],
    [0xfee0_0000n, PAGE, BOTH, 'EINVAL', 'EINVAL'],
    [TOP - PAGE + 1n, 2n * PAGE, BOTH, 'EOVERFLOW', 'EOVERFLOW'],
    [TOP - PAGE + 1n, 2n * PAGE, 0, 'EOVERFLOW', 'EINVAL'],
    [1n, PAGE, BOTH, 'EINVAL', 'EINVAL'],
  ];
  for (const [iova, size, flags, ...expected] of maps) {
    for (const [i, space] of [type1Space, iommufd].entries()) {
      const memory = space.allocate(2 * PAGE_SIZE, false);
      const run = () => {
        space.mapSync(memory, 0, size, iova, flags);
      };
      const code = expected[i];
      if (code === null) t.notThrows(run);
      else fails(t, code ?? '', run);
    }
  }
  const unmaps: [bigint, bigint, number, string | bigint, string | bigint][] = [
    [0n, PAGE, 0, 'EINVAL', 'ENOENT'],
    [PAGE, PAGE, 0, 'EINVAL', 'ENOENT'],
    [0x20_0000n, PAGE, 0, 0n, 'ENOENT'],
    [0x20_0000n, 0n, 0, 'EINVAL', 'EINVAL'],
    [1n, TOP, 0, 'EINVAL', 'EOVERFLOW'],
    [TOP - PAGE + 1n, 2n * PAGE, 0, 'EOVERFLOW', 'EOVERFLOW'],
    [PAGE, PAGE, 2, 'EINVAL', 'EINVAL'],
    [0n, 0n, 2, 3n * PAGE, 3n * PAGE],
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

test('iommufd: an unmap that would split a mapping fails, but first removes the mappings below', (t) => {
  const space = new MockAddressSpace('mock:test', ioas(profileOf(), defaultLimits()));
  const memory = space.allocate(4 * PAGE_SIZE, false);
  space.mapSync(memory, 0, PAGE, PAGE, BOTH);
  space.mapSync(memory, 0, 2n * PAGE, 3n * PAGE, BOTH);
  fails(t, 'ENOENT', () => space.unmap(PAGE, 3n * PAGE, 0));
  space.mapSync(memory, 0, PAGE, PAGE, BOTH);
  fails(t, 'ENOENT', () => space.unmap(4n * PAGE, PAGE, 0));
  t.is(space.unmap(0n, 0n, 2), 3n * PAGE);
});

test('dma_entry_limit limits only containers; RLIMIT_MEMLOCK limits containers and iommufd', (t) => {
  for (const way of ['group', 'cdev'] as const) {
    const limits = { ...defaultLimits(), dmaEntries: 2, memlock: 4n * PAGE };
    const rules = way === 'group' ? type1(profileOf(), limits) : ioas(profileOf(), limits);
    const space = new MockAddressSpace('mock:test', rules, limits);
    const memory = space.allocate(5 * PAGE_SIZE, false);
    const map = (iova: bigint, size: bigint) => () => {
      space.mapSync(memory, 0, size, iova, BOTH);
    };
    t.notThrows(map(0n, PAGE));
    fails(t, 'ENOMEM', map(0x10000n, 4n * PAGE));
    t.notThrows(map(0x10000n, PAGE));
    if (way === 'group') fails(t, 'ENOSPC', map(0x20000n, PAGE));
    else t.notThrows(map(0x20000n, PAGE));
    t.is(space.unmap(0x10000n, PAGE, 0), PAGE);
    t.notThrows(map(0x30000n, PAGE));
  }
});

test('a container reports the page sizes of its page tables; iommufd reports all sizes from one page', (t) => {
  t.is(new MockAddressSpace('mock:test').pageSizes, 0x4020_0000n | PAGE);
  t.is(
    new MockAddressSpace('mock:test', ioas(profileOf(), defaultLimits())).pageSizes,
    2n ** 64n - PAGE,
  );
});

test('on Linux 6.1 and 6.12, a device can read write-only mappings', (t) => {
  for (const kernel of ['6.1', '6.12', '7.2', '7.3'] as const) {
    const limits = defaultLimits();
    for (const rules of [type1, ioas]) {
      const space = new MockAddressSpace('mock:test', rules(profileOf({ kernel }), limits), limits);
      space.mapSync(space.allocate(PAGE_SIZE, false), 0, PAGE, 0n, 2);
      const read = (): void => {
        space.read(0n, new Uint8Array(4));
      };
      if (kernel.startsWith('7.')) t.throws(read, { message: /not permitted/ });
      else t.notThrows(read);
    }
  }
});
