import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { vfioHere } from './in-process.js';
import { VFIO, vfio } from './vfio.js';

const TICKER = fileURLToPath(new URL('programs/ticker.js', import.meta.url));

for (const args of [
  ['list'],
  ['info', 'mock:edu'],
  ['snapshot', 'mock:edu'],
  ['run', 'mock:edu'],
  ['watch', 'mock:nvme', '--interval', '0.05'],
]) {
  test(`a full disk gives a one-line error and exit code 1: ${args.join(' ')}`, async (t) => {
    const child = spawn(process.execPath, [VFIO, ...args], {
      stdio: ['pipe', openSync('/dev/full', 'w'), 'pipe'],
    });
    child.stdin?.on('error', () => undefined).write('{"op":"info"}\n');
    const ended = once(child, 'close');
    const errors = await text(child.stderr ?? process.stdin);
    await ended;
    t.is(child.exitCode, 1);
    t.regex(errors, /^vfio: standard output: ENOSPC: [^\n]*\n$/);
  });
}

test('`vfio run` refuses an endless line in a script before the line fills the memory', async (t) => {
  const { code, stderr } = await vfio(['run', 'mock:edu', '/dev/zero']);
  t.is(code, 1);
  t.is(stderr, 'vfio: EFBIG: line 1 has more than 269484032 characters\n');
});

test('a command refuses a FIFO as a snapshot file', async (t) => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const { code, stderr } = await vfioHere(['info', `mock:${path}`]);
  t.is(code, 1);
  t.is(stderr, `vfio: EINVAL: not a regular file '${path}'\n`);
});

/**
 * A script that closes the terminal of a program after the first drawing. The script prints how the
 * program ended.
 */
const CLOSE_TERMINAL = `import os, pty, sys
child, fd = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
while b'q quits' not in seen:
    seen += os.read(fd, 4096)
os.close(fd)
_, status = os.waitpid(child, 0)
print('signal', os.WTERMSIG(status)) if os.WIFSIGNALED(status) else print('code', status)`;

test('if the terminal is closed, SIGHUP ends `vfio watch`', (t) => {
  const command = [process.execPath, VFIO, 'watch', 'mock:ticker', '--interval', '0.05'];
  const printed = execFileSync('python3', ['-c', CLOSE_TERMINAL, ...command], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: `--import=${TICKER}` },
    timeout: 60_000,
  });
  t.is(printed, 'signal 1\n');
});
