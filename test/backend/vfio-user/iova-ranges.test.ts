import test from 'ava';
import { usableRanges } from '../../../lib/backend/vfio-user/iova-ranges.js';

test('the usable ranges exclude the reserved regions of the machine', (t) => {
  const last = 2n ** 48n - 1n;
  const x86 = [
    { start: 0n, end: 0xfedf_ffffn },
    { start: 0xfef0_0000n, end: last },
  ];
  t.deepEqual(usableRanges([]), x86);
  t.deepEqual(usableRanges([{ start: 0xfee0_0000n, end: 0xfeef_ffffn }]), x86);
  // An arm64 host, whose SMMU has 44-bit addresses.
  const arm64 = [
    { start: 2n ** 44n, end: 2n ** 64n - 1n },
    { start: 0x800_0000n, end: 0x80f_ffffn },
  ];
  t.deepEqual(usableRanges(arm64), [
    { start: 0n, end: 0x7ff_ffffn },
    { start: 0x810_0000n, end: 0xfedf_ffffn },
    { start: 0xfef0_0000n, end: 2n ** 44n - 1n },
  ]);
  const nested = [
    { start: 0n, end: 0xffffn },
    { start: 0x1000n, end: 0x1fffn },
    { start: 0x1_0000n, end: 0x1_ffffn },
  ];
  t.is(usableRanges(nested)[0]?.start, 0x2_0000n);
});
