import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './chart.js';
import { type Benchmark, measure, type Result } from './measure.js';
import { table } from './table.js';

const ROUNDS = 11;

/** Describes the machine and the software of a measurement, without the host name. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  readonly v8: string;
  readonly compiler: string | null;
}

export interface Report {
  readonly name: string;
  readonly title: string;
  readonly machine: Machine;
  readonly results: readonly Result[];
}

/**
 * Runs benchmarks as a command-line program. Prints a table, or JSON with `--json`, and writes JSON
 * and an SVG chart to the folder of `--out`. `--rounds n` sets the number of rounds. Other
 * arguments select benchmarks by a part of their titles.
 *
 * @param name - name of the files, without extension
 */
export async function runAsCommand(
  name: string,
  title: string,
  benchmarks: readonly Benchmark[],
): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      out: { type: 'string', default: join('bench', 'results') },
      rounds: { type: 'string', default: String(ROUNDS) },
    },
    allowPositionals: true,
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`--rounds ${values.rounds} is not an integer of 1 or more`);
  }
  const chosen = benchmarks.filter(
    (benchmark) =>
      positionals.length === 0 || positionals.some((part) => benchmark.title.includes(part)),
  );
  const results: Result[] = [];
  for (const benchmark of chosen) {
    console.error(`# ${benchmark.title}`);
    results.push(await measure(benchmark, rounds));
  }
  const report = { name, title, machine: machine(), results };
  write(report, values.out);
  console.log(values.json ? JSON.stringify(report, null, 2) : table(results));
}

/**
 * Writes `<name>.json` and `<name>.svg`.
 * @param drawn - the results that the chart shows
 */
export function write(report: Report, folder: string, drawn = report.results): void {
  const { name, title } = report;
  mkdirSync(folder, { recursive: true });
  const files = {
    [`${name}.json`]: `${JSON.stringify(report, null, 2)}\n`,
    [`${name}.svg`]: chart(title, described(report.machine), drawn),
  };
  for (const [file, content] of Object.entries(files)) {
    const path = join(folder, file);
    writeFileSync(path, content);
    console.error(`# ${path}`);
  }
}

export function machine(): Machine {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    kernel: release().replace(/-.*/, ''),
    node: process.versions.node,
    v8: process.versions.v8,
    compiler: firstLine('gcc', '--version'),
  };
}

function described({ date, cpu, cores, kernel, node }: Machine): string {
  return `${date}, ${cores} x ${cpu}, Linux ${kernel}, Node ${node}; a shorter bar is faster, a tick marks the goal`;
}

function firstLine(command: string, ...args: string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: 'utf8' }).split('\n')[0] ?? null;
  } catch {
    return null;
  }
}
