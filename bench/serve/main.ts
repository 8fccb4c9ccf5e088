// npm run bench:serve: measures a served mock:nvme without a guest. Prints a table, and writes
// serve.json.
//   --json           prints JSON instead of the table
//   --out <folder>   folder of the file
//   --rounds <n>     number of rounds, of which the median is reported
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../lib/report.js';
import { digits } from '../lib/table.js';
import { type Column, table } from '../flows/table.js';
import { measure, type Run } from './measure.js';

const COUNTS = { deep: 100_000, single: 20_000, empty: 20_000 };

/** The columns of the table. */
const COLUMNS: readonly Column<Run>[] = [
  ['operation', ({ what }) => what],
  ['per second', ({ perSecond }) => Math.round(perSecond).toLocaleString('en')],
  ['p50, us', ({ p50 }) => digits(p50)],
  ['p99, us', ({ p99 }) => digits(p99)],
  ['CPU of the server, us', ({ cpu }) => (cpu === null ? '' : digits(cpu))],
];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    out: { type: 'string', default: join('bench', 'results') },
    rounds: { type: 'string', default: '5' },
  },
});

const rounds: Run[][] = [];
for (let round = 0; round < Number(values.rounds); round++) rounds.push(await measure(COUNTS));
const runs = (rounds[0] ?? []).map((first, i) => {
  const all = rounds.map((round) => round[i] ?? first);
  const median = (field: 'perSecond' | 'p50' | 'p99') => middle(all.map((run) => run[field]));
  const cpu = first.cpu === null ? null : middle(all.map((run) => run.cpu ?? 0));
  const figures = { perSecond: median('perSecond'), p50: median('p50'), p99: median('p99'), cpu };
  return { ...first, ...figures };
});
const json = JSON.stringify({ machine: machine(), rounds, runs }, null, 2);
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'serve.json'), `${json}\n`);
console.log(values.json ? json : table(COLUMNS, runs));

function middle(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;
}
