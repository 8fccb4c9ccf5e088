// npm run bench:node: compares the accesses to mapped registers on several versions of Node.js.
//   main.js [--rounds n] [--json] [major version]...
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeOf } from '../../test/gate/nodes.js';
import { median } from '../lib/measure.js';
import { digits, quantity } from '../lib/table.js';
import type { VersionResults } from './registers.js';

const MAJORS = ['20', '22', '24', '26'];
const PROGRAM = fileURLToPath(new URL('registers.js', import.meta.url));

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    json: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const versions = (positionals.length > 0 ? positionals : MAJORS).map((major): VersionResults => {
  console.error(`# Node.js ${major}`);
  const output = execFileSync(nodeOf(Number(major)), [PROGRAM, values.rounds], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(output) as VersionResults;
});
console.log(values.json ? JSON.stringify(versions, null, 2) : table(versions));

/** Makes a Markdown table with one column for each version. */
function table(all: readonly VersionResults[]): string {
  const titles = all[0]?.results.map(({ title }) => title) ?? [];
  const rows = [
    ['path', ...all.map(({ node, v8 }) => `Node ${node}, V8 ${v8.split('-')[0] ?? v8}`)],
    ['---', ...all.map(() => '---:')],
    ...titles.map((title) => [title, ...all.map((version) => cellOf(version, title))]),
  ];
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Returns the median time of a path, and the median of its ratios to C in the same round. */
function cellOf({ results }: VersionResults, title: string): string {
  const { unit = '', measured = [] } = results.find((result) => result.title === title) ?? {};
  const [c, own] = measured;
  if (c === undefined || own === undefined) throw new Error(`'${title}' was not measured`);
  const ratio = median(own.rounds.map((time, round) => time / (c.rounds[round] ?? NaN)));
  return `${quantity(own.median, unit)}, ${digits(ratio)}x`;
}
