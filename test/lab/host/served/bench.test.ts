import test from 'ava';
import { measureInGuest } from '../../../../bench/serve/guest.js';

test('bench:serve --guest measures the served NVMe beside the NVMe of QEMU', async (t) => {
  t.timeout(600_000);
  const [runs = [], ...others] = await measureInGuest({ rounds: 1, seconds: 1 });
  t.deepEqual(others, []);
  const rows = [1, 32].flatMap((depth) =>
    ['QEMU', 'mock:nvme'].map((disk) => `guest: ${disk}, depth ${depth}`),
  );
  t.deepEqual(
    runs.map(({ what }) => what),
    rows,
  );
  t.deepEqual(
    runs.map(({ against }) => against),
    [null, rows[0], null, rows[2]],
  );
  for (const { what, operations, perSecond, p50, p99 } of runs) {
    t.true(operations > 0 && perSecond > 0 && p50 > 0 && p99 >= p50, what);
  }
});
