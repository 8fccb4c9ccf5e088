import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { root, temporaryFolder } from '../native/helpers.js';
import { vfioHere } from './in-process.js';
import { endOf, runUntil } from './run-until.js';
import { finish, startVfio, vfio, VFIO } from './vfio.js';

const FILE = join(root, 'examples/nvme.registers.json');
const HANGS = fileURLToPath(new URL('programs/hangs.js', import.meta.url));
const DEFINES = fileURLToPath(new URL('programs/defines-registers.js', import.meta.url));
const DEMO = ['--', process.execPath, VFIO, 'demo', 'mock:nvme'];

test('with --registers, the log of vfio trace shows names and fields', async (t) => {
  const { stderr, code } = await vfio(['trace', '--log', '--registers', FILE, ...DEMO]);
  t.is(code, 0, stderr);
  t.regex(stderr, / bar0\.cc\.en <- 1, /);
  t.regex(stderr, / bar0\.csts -> 0x1 \(rdy=1, cfs=0, /);
  t.regex(stderr, / bar0\.sqtdbl\[1\] <- 0x1$/m);
  t.notRegex(stderr, / bar0\+0x14 /);
});

test('the log and the page show the names that the program has defined', async (t) => {
  const output = join(temporaryFolder(), 'defined');
  const program = ['--', process.execPath, DEFINES];
  const { stderr, code } = await vfio(['trace', '--log', ...program]);
  t.is(code, 0, stderr);
  t.regex(stderr, / bar0\.cc\.en <- 1$/m);
  t.regex(stderr, / bar0\.csts -> 0x\w+ \(rdy=\d\)$/m);
  // A part of a window has its own registers. An access without a name keeps its offset.
  t.regex(stderr, / bar0\+0x1000\.bell\[1\] <- 0x0$/m);
  t.regex(stderr, / bar0\+0x8 r32 -> 0x/);
  t.is((await vfio(['trace', '-o', output, ...program])).code, 0);
  t.regex(readFileSync(`${output}.html`, 'utf8'), /"text":"bar0\.cc\.en \\u003c- 1"/);
});

test('a trace is read without names if a definition in the trace is wrong', async (t) => {
  const trace = join(temporaryFolder(), 'trace');
  execFileSync(process.execPath, [DEFINES], { env: { ...process.env, VFIO_TRACE: trace } });
  for (const name of readdirSync(trace)) {
    const path = join(trace, name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"width":4', '"width":3'));
  }
  const { stdout, stderr, code } = await vfioHere(['trace', '--log', trace]);
  t.is(code, 0, stderr);
  t.regex(stdout, / bar0\+0x14 w32 <- /);
});

test('the explanation of a hang shows the names of registers', async (t) => {
  const program = ['--registers', FILE, '--', process.execPath, HANGS, 'poll in vain'];
  const { output } = await runUntil(
    [VFIO, 'trace', '--log', ...program],
    'stderr',
    / -> 0x0 .*times/,
    'SIGTERM',
  );
  t.regex(endOf(output).join('\n'), /bar0\.csts was polled in vain: .* always 0x0 \(rdy=0, /);
});

test('the names of a register file take precedence over the names of the program', async (t) => {
  const program = ['--registers', FILE, '--', process.execPath, DEFINES];
  const { stderr } = await vfio(['trace', '--log', ...program]);
  t.regex(stderr, / bar0\.sqtdbl\[1\] <- 0x0$/m);
});

test('with --registers, the page of vfio trace shows names and fields', async (t) => {
  const output = join(temporaryFolder(), 'named');
  const { stderr, code } = await vfio(['trace', '--registers', FILE, '-o', output, ...DEMO]);
  t.is(code, 0, stderr);
  t.regex(readFileSync(`${output}.html`, 'utf8'), /"text":"bar0\.cc\.en \\u003c- 1, /);
  t.regex(readFileSync(`${output}.json`, 'utf8'), /"text":"bar0\.cc\.en <- 1, /);
});

test('with --registers, the log of a record shows names and fields', async (t) => {
  const record = join(temporaryFolder(), 'record.jsonl');
  const demo = startVfio(['demo', 'mock:nvme'], { VFIO_RECORD: record });
  t.is((await finish(demo)).code, 0);
  const { stdout, code } = await vfioHere(['trace', '--log', '--registers', FILE, record]);
  t.is(code, 0);
  t.regex(stdout, /^bar0\.cc\.en <- 1, /m);
});

test('a wrong register file is refused before the program starts', async (t) => {
  const program = ['--', process.execPath, HANGS, 'poll in vain'];
  const { stderr, code } = await vfioHere(['trace', '--registers', '/nowhere.json', ...program]);
  t.is(code, 1);
  t.regex(stderr, /^vfio: ENOENT: .*nowhere\.json/);
});
