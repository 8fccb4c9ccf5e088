// npm run bench:lab: compares the public API with a C program that does the same work, on a real
// /dev/vfio.
//   --kernel <path or name>   kernel of the guest (a value for `vfio lab --kernel`)
//   --json                    prints JSON instead of the table
//   --out <folder>            folder of performance-lab.json and performance-lab.svg
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, write } from '../lib/report.js';
import { table } from '../lib/table.js';
import type { Line } from './clock.js';
import { COUNTING, type MachineOptions, runInGuest } from './machine.js';
import { instructions, start, type Start, times } from './results.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const TIMEOUT_MS = 10 * 60_000;
const SCRIPT = '"$1" $VFIO_LAB_NVME && node "$2" $VFIO_LAB_NVME';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    kernel: { type: 'string' },
    out: { type: 'string', default: join('bench', 'results') },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'vfio-program-'));
try {
  const program = compileInC(folder);
  const counted = await runBoth(program, COUNTING);
  const timed = await runBoth(program, {});
  const counts = [...instructions(counted.lines), start(counted.start)];
  const report = {
    name: 'performance-lab',
    title: 'vfio on a real /dev/vfio, beside a C program',
    machine: machine(),
    results: [...counts, ...times(timed.lines)],
  };
  write(report, values.out, counts);
  console.log(values.json ? JSON.stringify(report, null, 2) : table(report.results));
} finally {
  rmSync(folder, { recursive: true });
}

/** Compiles the C program statically. The C library of the host can be missing in the guest. */
function compileInC(into: string): string {
  const sources = join(root, 'bench/c/lab');
  const files = readdirSync(sources).filter((file) => file.endsWith('.c'));
  const program = join(into, 'program');
  execFileSync(
    'gcc',
    ['-O2', '-static', '-o', program, ...files.map((file) => join(sources, file))],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  return program;
}

/** Runs the C program and then the program of the library in one guest. */
async function runBoth(
  program: string,
  options: MachineOptions,
): Promise<{ lines: Line[]; start: Start }> {
  const programs = [program, join(root, 'dist/bench/lab/guest.js')];
  const output = await runInGuest(SCRIPT, programs, options, values.kernel, TIMEOUT_MS);
  const printed = output as (Line | Start)[];
  const first = printed.find((line): line is Start => 'node' in line);
  if (first === undefined) throw new Error('the program in the guest printed no start line');
  return { lines: printed.filter((line): line is Line => 'path' in line), start: first };
}
