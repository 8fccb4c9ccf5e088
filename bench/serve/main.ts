// npm run bench:serve: measures a served mock:nvme. Prints a table, and writes serve.json.
//   --guest          also measures in a guest, beside QEMU's own NVMe. Needs the packages of the lab,
//                    and fio
//   --json           prints JSON instead of the table
//   --out <folder>   folder of the file
//   --rounds <n>     number of rounds, of which the best is reported: other programs on the machine
//                    only make a round slower
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../lib/report.js';
import { digits } from '../lib/table.js';
import { type Column, table } from '../flows/table.js';
import { measureInGuest } from './guest.js';
import { measure, type Run } from './measure.js';

const COUNTS = { deep: 100_000, single: 20_000, empty: 20_000 };
/** Duration of each measurement in the guest. */
const SECONDS = 5;

/** The columns of the table. */
const COLUMNS: readonly Column<Run>[] = [
  ['operation', ({ what }) => what],
  ['per second', ({ perSecond }) => Math.round(perSecond).toLocaleString('en')],
  ['p50, us', ({ p50 }) => digits(p50)],
  ['p99, us', ({ p99 }) => digits(p99)],
  ['CPU of the server, us', ({ cpu }) => (cpu === null ? '' : digits(cpu))],
  ['compared with', ({ against }) => against ?? ''],
  ['p50, ratio', (run) => ratio(run, 'p50')],
  ['per second, ratio', (run) => ratio(run, 'perSecond')],
];

const { values } = parseArgs({
  options: {
    guest: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string', default: join('bench', 'results') },
    rounds: { type: 'string', default: '5' },
  },
});

const count = Number(values.rounds);
const rounds: Run[][] = [];
for (let round = 0; round < count; round++) rounds.push(await measure(COUNTS));
const guestRounds = values.guest ? await measureInGuest({ rounds: count, seconds: SECONDS }) : [];
const runs = [...bestOf(rounds), ...bestOf(guestRounds)];
const json = JSON.stringify({ machine: machine(), rounds, guestRounds, runs }, null, 2);
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'serve.json'), `${json}\n`);
console.log(values.json ? json : table(COLUMNS, runs));

/** Returns the best figures of each run. */
function bestOf(all: readonly Run[][]): Run[] {
  return (all[0] ?? []).map((first, i): Run => {
    const same = all.map((round) => round[i] ?? first);
    const least = (field: 'p50' | 'p99') => Math.min(...same.map((run) => run[field]));
    const perSecond = Math.max(...same.map((run) => run.perSecond));
    const cpu = first.cpu === null ? null : Math.min(...same.map((run) => run.cpu ?? Infinity));
    return { ...first, perSecond, p50: least('p50'), p99: least('p99'), cpu };
  });
}

function ratio(run: Run, field: 'p50' | 'perSecond'): string {
  const other = runs.find(({ what }) => what === run.against);
  return other === undefined ? '' : `${(run[field] / other[field]).toFixed(2)}x`;
}
