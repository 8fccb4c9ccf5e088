import test from 'ava';
import { figure } from '../../bench/flows/figure.js';
import { grow } from '../../bench/flows/grow.js';
import { MockFiringDevice } from '../../bench/flows/mock-firing-device.js';

// The tests are serial, because two open calls at the same time would share the mock device.
const N = 16;

test.serial(
  'with the unmask method incremental, N(N-1)/2 interrupts are sent by INTx and lost',
  async (t) => {
    using firing = await MockFiringDevice.open();
    const growth = grow(firing, { flow: 'incremental', vectors: N });
    const quadratic = (N * (N - 1)) / 2;
    t.like(growth, { calls: 2 * N, torn: quadratic, lost: quadratic, redirected: quadratic });
  },
);

for (const flow of ['upfront', 'dynamic'] as const) {
  test.serial(`${flow} makes one call per vector and loses no interrupt`, async (t) => {
    using firing = await MockFiringDevice.open();
    const growth = grow(firing, { flow, vectors: N });
    t.like(growth, {
      calls: N + 1,
      torn: 0,
      fired: N * N,
      delivered: N * N,
      lost: 0,
      redirected: 0,
    });
  });
}

test.serial('each graph of the figure contains one line for each unmask method', async (t) => {
  using firing = await MockFiringDevice.open();
  const growths = [];
  for (const flow of ['incremental', 'upfront', 'dynamic'] as const) {
    for (const vectors of [1, 8]) growths.push(grow(firing, { flow, vectors }));
  }
  const svg = figure(growths, 'note');
  t.is(svg.match(/<polyline points="[\d., ]+"/g)?.length, 6);
  t.notRegex(svg, /NaN|Infinity/);
});
