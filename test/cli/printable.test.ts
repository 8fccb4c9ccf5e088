// Text from outside, for example the name of a process, cannot control the terminal.
import { join } from 'node:path';
import { inspect } from 'node:util';
import test from 'ava';
import { printOutcome, printPlan } from '../../lib/cli/binding.js';
import { toJson, toJsonLine } from '../../lib/cli/json.js';
import { columns } from '../../lib/cli/table.js';
import { paint } from '../../lib/cli/terminal.js';
import type { Plan } from '../../lib/host/binding.js';
import { printable, printableLines } from '../../lib/printable.js';
import { temporaryFolder } from '../native/helpers.js';
import { vfioHere } from './in-process.js';
import { vfio } from './vfio.js';

/**
 * A text that sets the terminal's title, clears the screen by a C1 character, and begins a new
 * line.
 */
const HOSTILE = 'x\u001b]0;title\u0007\u009b2J\nready\r\u007f';
const SHOWN = 'x\\x1b]0;title\\x07\\x9b2J\\x0aready\\x0d\\x7f';

/** Matches control characters that the command line itself never prints. */
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f]/;

test('control characters are printed as visible text', (t) => {
  t.is(printable(HOSTILE), SHOWN);
  t.is(printable('größer – 日本'), 'größer – 日本');
  t.is(printableLines('a\tb\n\u001bc'), 'a\tb\n\\x1bc');
  t.is(columns([[HOSTILE, 'b']]), `${SHOWN}  b`);
  t.true(paint('bold', HOSTILE).includes(SHOWN));
});

test('JSON output contains no control characters but decodes to the same values', (t) => {
  for (const json of [toJson([HOSTILE]), toJsonLine([HOSTILE])]) {
    t.notRegex(json, CONTROLS);
    t.deepEqual(JSON.parse(json), [HOSTILE]);
  }
});

test.serial('`vfio bind` prints control characters in names as visible text', (t) => {
  const plan: Plan = {
    group: { number: 7, path: HOSTILE } as unknown as Plan['group'],
    changes: [
      {
        name: HOSTILE,
        from: HOSTILE,
        to: HOSTILE,
        override: HOSTILE,
        steps: [{ path: HOSTILE, text: HOSTILE }],
      },
    ],
    kept: [{ name: HOSTILE, why: HOSTILE }],
    uses: [HOSTILE],
    warnings: [HOSTILE],
    disks: [],
  };
  const printed: string[] = [];
  const { log } = console;
  console.log = (text: string) => printed.push(text);
  try {
    for (const json of [false, true]) {
      printPlan(plan, json, { owner: HOSTILE, node: HOSTILE });
      const outcome = { name: HOSTILE, from: HOSTILE, to: HOSTILE };
      printOutcome(plan, [outcome], json, { owner: HOSTILE, nodes: [HOSTILE] });
    }
  } finally {
    console.log = log;
  }
  t.true(printed.length >= 10);
  for (const text of printed) {
    t.notRegex(text, CONTROLS, inspect(text));
    t.false(text.includes('\nready'), inspect(text));
  }
});

test('every command prints control characters in a device name as visible text', async (t) => {
  const file = join(temporaryFolder(), HOSTILE.replaceAll('\0', ''));
  t.is((await vfioHere(['snapshot', 'mock:nvme', file])).code, 0);
  const device = `mock:${file}`;
  const outcomes = await Promise.all([
    vfioHere(['info', device]),
    vfioHere(['info', device, '--json']),
    vfioHere(['config', device]),
    vfioHere(['config', device, '-x']),
    vfioHere(['config', device, '--json']),
    vfioHere(['reset', device]),
    vfioHere(['reset', device, '--json']),
    vfioHere(['peek', device, 'bar0', '0', '--json']),
    vfioHere(['snapshot', device]),
    vfio(['run', device], '{"op":"info"}'),
    vfioHere(['info', `${device}.missing`]),
    vfioHere(['peek', device, HOSTILE, '0']),
    vfioHere(['config', device, HOSTILE]),
    vfioHere([HOSTILE]),
    vfio(['trace', '--', HOSTILE]),
    vfioHere(['bind', HOSTILE, '--dry-run']),
    vfio(['demo', device]),
  ]);
  t.deepEqual(
    outcomes.slice(0, 10).map(({ code }) => code),
    new Array(10).fill(0),
  );
  for (const { stdout, stderr } of outcomes) t.notRegex(stdout + stderr, CONTROLS);
  t.true(outcomes[0].stdout.includes(SHOWN));
});

test('a warning of the process is printed without escape sequences', async (t) => {
  const line = "process.emitWarning('a \\u001b[31m name', { detail: 'use \\u001b[0m it' })\n";
  const { code, stderr } = await vfio(['repl', 'mock:edu'], line);
  t.is(code, 0);
  t.is(stderr, 'vfio: Warning: a \\x1b[31m name\nuse \\x1b[0m it\n');
});
