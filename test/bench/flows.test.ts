import test from 'ava';
import { figure } from '../../bench/flows/figure.js';
import { grow } from '../../bench/flows/grow.js';
import { MockBells } from '../../bench/flows/mock-bells.js';

// One device at a time: who opens it while it is open shares it.
const N = 16;

test.serial(
  'incremental tears down and loses by the square, and redirects what it loses',
  async (t) => {
    using bells = await MockBells.open();
    const growth = grow(bells, { flow: 'incremental', vectors: N });
    const square = (N * (N - 1)) / 2;
    t.like(growth, { calls: 2 * N, torn: square, lost: square, redirected: square });
  },
);

for (const flow of ['upfront', 'dynamic'] as const) {
  test.serial(`${flow} grows by a call a vector, and loses nothing`, async (t) => {
    using bells = await MockBells.open();
    const growth = grow(bells, { flow, vectors: N });
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

test.serial('the figure has a line for each flow', async (t) => {
  using bells = await MockBells.open();
  const growths = [];
  for (const flow of ['incremental', 'upfront', 'dynamic'] as const) {
    for (const vectors of [1, 8]) growths.push(grow(bells, { flow, vectors }));
  }
  const svg = figure(growths, 'note');
  t.is(svg.match(/<polyline points="[\d., ]+"/g)?.length, 6);
  t.notRegex(svg, /NaN|Infinity/);
});
