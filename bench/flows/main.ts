// Compares the flows by which vectors are had: a table on standard output, or JSON with --json, and
// flows.json and flows.svg in the folder of --out. --vectors n, repeatable, replaces the numbers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../lib/report.js';
import { figure } from './figure.js';
import { type Growth, grow } from './grow.js';

const FLOWS = ['incremental', 'upfront', 'dynamic'] as const;
const VECTORS = ['1', '16', '64', '512', '2048'];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    out: { type: 'string', default: join('bench', 'results') },
    vectors: { type: 'string', multiple: true, default: VECTORS },
  },
});
const sizes = values.vectors.map(Number);
for (const size of sizes) {
  if (!Number.isInteger(size) || size < 1 || size > 2048) {
    throw new RangeError('--vectors takes a number from 1 to 2048');
  }
}

// The first of all pays for what is compiled then.
for (const flow of FLOWS) await grow(flow, 64);
const growths: Growth[] = [];
for (const vectors of sizes) for (const flow of FLOWS) growths.push(await grow(flow, vectors));

const where = machine();
const note = `${where.date}, mock, ${where.cores} x ${where.cpu}, Node ${where.node}`;
const report = { machine: where, growths };
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'flows.json'), `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(join(values.out, 'flows.svg'), figure(growths, note));
console.log(values.json ? JSON.stringify(report, null, 2) : table(growths));

function table(rows: readonly Growth[]): string {
  const number = (value: number) => value.toLocaleString('en');
  const lines = rows.map((row) => [
    number(row.vectors),
    row.flow,
    ...[row.calls, row.torn, row.fired, row.delivered, row.lost, row.redirected].map(number),
    number(Math.round(row.milliseconds * 10) / 10),
  ]);
  const head = 'vectors|flow|SET_IRQS|torn down|fired|delivered|lost|to INTx|ms'.split('|');
  return [head, head.map((_, i) => (i === 1 ? '---' : '---:')), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
