// Traces with many accesses, and traces that cannot be finished.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { FULL } from '../full.js';
import { fullTest } from '../full-test.js';
import { temporaryFolder } from '../native/helpers.js';
import { programPath, runCommand, type Ended, type RunOptions } from '../observe/run-program.js';
import { vfioHere } from './in-process.js';
import { VFIO } from './vfio.js';

const USAGE = fileURLToPath(new URL('programs/usage.js', import.meta.url));

function trace(output: string, program: string[], options?: RunOptions): Promise<Ended> {
  const node = process.execPath;
  return runCommand([node, VFIO, 'trace', '-o', output, '--', node, ...program], options);
}

/** Runs `vfio trace` with a limit for the heap of the program and of the command. */
async function traceAccesses(accesses: number, heap: number) {
  const output = join(temporaryFolder(), 'large');
  const { code, stderr } = await trace(output, [programPath('accesses'), String(accesses / 2)], {
    env: { NODE_OPTIONS: `--max-old-space-size=${heap} --import=${USAGE}` },
  });
  const used = [...stderr.matchAll(/used (\d+) s and (\d+) MiB/g)];
  return {
    ...{ output, code, stderr },
    /** CPU time, because the test can run on a busy machine. */
    seconds: used.reduce((n, [, seconds]) => n + Number(seconds), 0),
    memory: used.map(([, , mib]) => Number(mib)),
  };
}

/** More than the 200,000 bars that a timeline can contain. */
const MANY = FULL ? 300_000 : 205_000;

test(`${MANY} accesses are traced with a heap of 64 MiB, and the files stay small`, async (t) => {
  const { output, code, stderr, memory } = await traceAccesses(MANY, 64);
  t.is(code, 0, stderr);
  t.log(`${memory.join(' and ')} MiB`);
  const [, shown = ''] = /The timeline shows [\d,]+ calls as ([\d,]+) bars/.exec(stderr) ?? [];
  t.true(Number(shown.replaceAll(',', '')) > 10_000, stderr);
  for (const suffix of ['html', 'json']) {
    t.true(statSync(`${output}.${suffix}`).size < 60e6, suffix);
  }
  const { traceEvents, otherData } = JSON.parse(readFileSync(`${output}.json`, 'utf8')) as {
    traceEvents: { name: string; args?: { first?: string } }[];
    otherData: { notes: string[] };
  };
  t.is(otherData.notes.length, 1);
  const merged = traceEvents.find(({ args }) => args?.first !== undefined);
  t.regex(merged?.name ?? '', /^\d+ calls$/);
  t.deepEqual(readdirSync(join(output, '..')).sort(), ['large.html', 'large.json']);
});

fullTest('10 million accesses are traced in 60 s of CPU time with 500 MiB', async (t) => {
  const { code, stderr, seconds, memory } = await traceAccesses(10_000_000, 4096);
  t.log(`${seconds} s of CPU time, ${memory.join(' and ')} MiB`);
  t.is(code, 0, stderr);
  t.true(seconds < 60, `${seconds} s`);
  t.is(memory.length, 2);
  for (const mib of memory) t.true(mib < 500, `${mib} MiB`);
});

test('a polling loop is one bar with the number of reads', async (t) => {
  const output = join(temporaryFolder(), 'poll');
  const { code, stderr } = await trace(output, [programPath('polling')]);
  t.is(code, 0, stderr);
  const { traceEvents } = JSON.parse(readFileSync(`${output}.json`, 'utf8')) as {
    traceEvents: { name: string }[];
  };
  const reads = traceEvents.flatMap(({ name }) => (name.startsWith('read32 ×') ? [name] : []));
  t.deepEqual(
    reads.map((name) => Number(name.slice('read32 ×'.length))).reduce((a, b) => a + b, 0),
    50_000,
  );
  t.true(reads.length < 500);
});

test('if the page cannot be written, the raw data is kept and named', async (t) => {
  const folder = temporaryFolder();
  const output = join(folder, 'out');
  const make = `require('node:fs').mkdirSync(${JSON.stringify(`${output}.html`)}); import(${JSON.stringify(programPath('accesses'))})`;
  const { code, stderr } = await trace(output, ['-e', make, '5']);
  t.is(code, 1);
  const [, kept = ''] = /^vfio: the raw data is kept in (.*)$/m.exec(stderr) ?? [];
  t.regex(
    stderr,
    /vfio: EEXIST: this name belongs to a folder, a device or a link '[^']+out.html'/,
  );
  t.is(readdirSync(kept).length, 1);
  t.true(existsSync(`${output}.json`));
});

/** Waits until a process has opened a file whose path contains `part`. */
async function whenOpened(pid: number, part: string): Promise<void> {
  for (;;) {
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
    if (open.some((path) => path.includes(part))) return;
    await setTimeout(10);
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

for (const [declare, signal, exitCode] of [
  [test, 'SIGINT', 130],
  [fullTest, 'SIGTERM', 143],
] as const) {
  declare(
    `if ${signal} ends the command while the page is made, the raw data is kept and named`,
    async (t) => {
      const folder = temporaryFolder();
      const program = fileURLToPath(new URL('programs/long-trace.js', import.meta.url));
      const output = join(folder, 'out');
      const args = [VFIO, 'trace', '-o', output, '--', process.execPath, program];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = Promise.all([once(child, 'close'), text(child.stderr)]);
      await whenOpened(child.pid ?? 0, '.jsonl');
      child.kill(signal);
      const [, stderr] = await ended;
      t.is(child.exitCode, exitCode);
      const [, kept = ''] = /^vfio: the raw data is kept in (.*)\n$/.exec(stderr) ?? [];
      t.is(readdirSync(kept).length, 500, stderr);
      t.deepEqual(readdirSync(folder), [basename(kept)]);
    },
  );
}

test('if the disk is full during the program, the page shows the reason', async (t) => {
  const output = join(temporaryFolder(), 'full');
  const program = ['sh', '-c', 'ulimit -f 8; exec "$@"', 'sh', process.execPath];
  const { code, stderr } = await runCommand(
    [process.execPath, VFIO, 'trace', '-o', output, '--', ...program].concat(
      programPath('accesses'),
      '500',
    ),
    { env: { NODE_V8_COVERAGE: undefined } },
  );
  t.is(code, 0);
  t.regex(stderr, /^vfio: VFIO_TRACE stopped: EFBIG/);
  const note =
    /vfio: The trace of process \d+, thread 0 ends [\d.]+ s after the first call, because the tracer stopped: EFBIG: file too large, write\./;
  t.regex(stderr, note);
  t.true(readFileSync(`${output}.html`, 'utf8').includes('because the tracer stopped'));
});

test('names that cannot get a suffix are refused before the program starts', async (t) => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'taken.html'));
  symlinkSync('elsewhere', join(folder, 'link.json'));
  for (const name of ['.', '..', 'folder/', '/dev/null', 'taken', 'link', 'no/such']) {
    const program = [process.execPath, '-e', 'console.log("ran")'];
    const { code, stdout } = await vfioHere(['trace', '-o', name, '--', ...program], folder);
    t.true(code === 1 || code === 2, name);
    t.is(stdout, '', name);
  }
  t.deepEqual(readdirSync(folder).sort(), ['link.json', 'taken.html']);
});
