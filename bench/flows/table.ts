import type { Growth } from './grow.js';
import type { NvmeGrowth } from './nvme.js';
import type { Swap } from './swap.js';

/** The title of a column, and a function that returns the text of a cell. */
export type Column<Row> = readonly [title: string, cell: (row: Row) => string];

const number = (value: number) => value.toLocaleString('en');

/** The columns of the table of {@link Growth} results. */
export const GROWTH: readonly Column<Growth>[] = [
  ['vectors', ({ vectors }) => number(vectors)],
  ['flow', ({ flow }) => `\`${flow}\``],
  ['SET_IRQS', ({ calls }) => number(calls)],
  ['torn down', ({ torn }) => number(torn)],
  ['fired', ({ fired }) => number(fired)],
  ['delivered', ({ delivered }) => number(delivered)],
  ['lost', ({ lost }) => number(lost)],
  ['to INTx', ({ redirected }) => number(redirected)],
  ['ms', ({ milliseconds }) => number(Math.round(milliseconds * 10) / 10)],
];

/** The columns of the table for real kernels. A real kernel can run out of vectors. */
export const NVME_GROWTH: readonly Column<NvmeGrowth>[] = [
  ['kernel', ({ kernel, noresize }) => (noresize ? `${kernel}, NORESIZE` : kernel)],
  ...GROWTH.slice(0, -1),
  ['failed', ({ failed }) => number(failed)],
  ...GROWTH.slice(-1),
];

/** The columns of the table of {@link Swap} results, in microseconds. */
export const SWAP: readonly Column<Swap>[] = [
  ['kernel', ({ kernel }) => kernel],
  ['SET_IRQS alone, us', ({ setIrqs }) => number(Math.round(setIrqs))],
  ['mask or unmask, us', ({ swap }) => number(Math.round(swap))],
  ['part spent waiting for CPUs, us', ({ synchronize }) => number(Math.round(synchronize))],
];

/** Makes a Markdown table. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const head = columns.map(([title]) => title);
  const rule = head.map((title) => (title === 'flow' || title === 'kernel' ? '---' : '---:'));
  const lines = rows.map((row) => columns.map(([, cell]) => cell(row)));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
