import test from 'ava';
import { measure } from '../../bench/serve/measure.js';

test('bench:serve measures reads of a served NVMe and the round trips of empty servers', async (t) => {
  const runs = await measure({ deep: 500, single: 100, empty: 100 });
  t.deepEqual(
    runs.map(({ what, operations }) => [what, operations]),
    [
      ['reads, depth 32', 500],
      ['reads, depth 1', 100],
      ['empty server, message', 100],
      ['empty server, eventfd', 100],
    ],
  );
  for (const { what, perSecond, p50, p99, cpu } of runs) {
    t.true(perSecond > 0 && p50 > 0 && p99 >= p50, what);
    t.is(cpu === null, what.startsWith('empty'));
    if (cpu !== null) t.true(cpu > 0, what);
  }
});
