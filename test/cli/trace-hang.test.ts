// Programs that hang because of a typical mistake, on the mock. The log of `vfio trace` says when
// a program hangs. A signal then ends the program, and the last lines must name the cause.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { endOf, runUntil, type Interrupted } from './run-until.js';
import { VFIO } from './vfio.js';

const HANGS = fileURLToPath(new URL('programs/hangs.js', import.meta.url));

async function hang(mistake: string, seen: RegExp): Promise<Interrupted & { end: string[] }> {
  const args = [VFIO, 'trace', '--log', '--', process.execPath, HANGS, mistake];
  const ended = await runUntil(args, 'stderr', seen, 'SIGTERM');
  return { ...ended, end: endOf(ended.output) };
}

const AWAITED = /msix 0 awaited\n/;
const NEVER_FIRED = /^\+\+\+ mock:nvme: msix 0 never fired, and was awaited for \d+\.\d{3} s$/;

for (const [mistake, seen, ...findings] of [
  [
    'no bus master',
    AWAITED,
    NEVER_FIRED,
    /bus master is off: the program never set the bit bus_master of the command register/,
  ],
  [
    'bus master cleared',
    AWAITED,
    NEVER_FIRED,
    /bus master is off: the program cleared the bit bus_master/,
  ],
  [
    'masked vector',
    AWAITED,
    NEVER_FIRED,
    /msix 0 is masked since \d+\.\d{3} s by the program, in the MSI-X table, and was not unmasked$/,
  ],
  [
    'poll in vain',
    /bar0\+0x1c r32 -> 0 \(\d+ times/,
    /bar0\+0x1c r32 was polled in vain: [\d,]+ times in \d+\.\d{3} s, always 0/,
  ],
  [
    'no memory decode',
    /bar0\+0x1c r32 -> 0xffffffff \(\d+ times/,
    /memory decode is off: the program cleared the bit memory/,
    /bar0\+0x1c r32 was polled in vain: .*always 0xffffffff \(all ones: the device does not respond\)/,
  ],
  [
    'unmapped IOVA',
    AWAITED,
    NEVER_FIRED,
    /^\+\+\+ mock:nvme: DMA fault: read of 0xdead0000: not mapped$/,
  ],
] as const) {
  test(`the explanation of a hang names the cause: ${mistake}`, async (t) => {
    const { end, code, output } = await hang(mistake, seen);
    t.is(code, 143, output);
    t.regex(end[0] ?? '', /^\+\+\+ SIGTERM after [\d.]+ s$/);
    t.is(end.length, findings.length + 1, end.join('\n'));
    findings.forEach((finding, i) => {
      t.regex(end[i + 1] ?? '', finding);
    });
  });
}

test('a recording is followed while the program runs, and says that the program is still waiting', async (t) => {
  const folder = join(temporaryFolder(), 'recording');
  const program = spawn(process.execPath, [HANGS, 'no bus master'], {
    env: { ...process.env, VFIO_TRACE: folder },
    stdio: 'ignore',
  });
  try {
    let followed: Interrupted = { output: '', code: 1 };
    // The folder does not exist before the first call of the program.
    while (followed.code !== 130) {
      const args = [VFIO, 'trace', '--log', folder];
      followed = await runUntil(args, 'stdout', AWAITED, 'SIGINT');
    }
    const [first = '', ...rest] = endOf(followed.output);
    t.regex(first, /^\+\+\+ still waiting after [\d.]+ s$/);
    t.regex(rest[0] ?? '', NEVER_FIRED);
    t.is(program.exitCode, null, 'the program continues');

    const page = spawn(process.execPath, [VFIO, 'trace', '--json', folder], { cwd: folder });
    const [json] = await Promise.all([text(page.stdout), once(page, 'close')]);
    const report = JSON.parse(json) as { ended: string; exitCode: null; html: string };
    t.regex(report.ended, /^still waiting after/);
    t.is(report.exitCode, null);
    t.regex(readFileSync(join(folder, report.html), 'utf8'), /"ended":"still waiting after/);
  } finally {
    program.kill();
  }
});
