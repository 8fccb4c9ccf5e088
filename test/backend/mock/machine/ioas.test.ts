import test from 'ava';
import { MockAddressSpace } from '../../../../lib/backend/mock/machine/address-space.js';
import { ioas } from '../../../../lib/backend/mock/machine/ioas.js';
import { defaultLimits } from '../../../../lib/backend/mock/machine/limits.js';
import { type1 } from '../../../../lib/backend/mock/machine/type1.js';
import { profileOf } from '../../../../lib/backend/mock/machine/profile.js';
import { fails } from '../support.js';

const BOTH = 1 | 2;
const PAGE = 4096;

test('iommufd and a container refuse the same requests with different errors', (t) => {
  const limits = defaultLimits();
  const [type1Space, iommufd] = [
    new MockAddressSpace('mock:test'),
    new MockAddressSpace('mock:test', ioas(profileOf(), limits), limits),
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

test('iommufd: an unmap that would split a mapping fails, but first removes the mappings below', (t) => {
  const space = new MockAddressSpace('mock:test', ioas(profileOf(), defaultLimits()));
  const memory = space.allocate(4 * PAGE, false);
  space.mapSync(memory, 0, 4096n, 0x1000n, BOTH);
  space.mapSync(memory, 0, 8192n, 0x3000n, BOTH);
  fails(t, 'ENOENT', () => space.unmap(0x1000n, 0x3000n, 0));
  space.mapSync(memory, 0, 4096n, 0x1000n, BOTH);
  fails(t, 'ENOENT', () => space.unmap(0x4000n, 0x1000n, 0));
  t.is(space.unmap(0n, 0n, 2), 12288n);
});

test('dma_entry_limit limits only containers; RLIMIT_MEMLOCK limits containers and iommufd', (t) => {
  for (const way of ['group', 'cdev'] as const) {
    const limits = { ...defaultLimits(), dmaEntries: 2, memlock: 16384n };
    const rules = way === 'group' ? type1(profileOf(), limits) : ioas(profileOf(), limits);
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

test('a container reports the page sizes of its page tables; iommufd reports all sizes from 4 KiB', (t) => {
  t.is(new MockAddressSpace('mock:test').pageSizes, 0x4020_1000n);
  t.is(
    new MockAddressSpace('mock:test', ioas(profileOf(), defaultLimits())).pageSizes,
    2n ** 64n - 4096n,
  );
});

test('on Linux 6.1 and 6.12, a device can read write-only mappings', (t) => {
  for (const kernel of ['6.1', '6.12', '7.2', '7.3'] as const) {
    const limits = defaultLimits();
    for (const rules of [type1, ioas]) {
      const space = new MockAddressSpace('mock:test', rules(profileOf({ kernel }), limits), limits);
      space.mapSync(space.allocate(PAGE, false), 0, 4096n, 0n, 2);
      const read = (): void => {
        space.read(0n, new Uint8Array(4));
      };
      if (kernel.startsWith('7.')) t.throws(read, { message: /not permitted/ });
      else t.notThrows(read);
    }
  }
});
