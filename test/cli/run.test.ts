import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { vfioHere } from './in-process.js';

const VFIO = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));

async function vfio(args: readonly string[], input = '', env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [VFIO, ...args], { env: { ...process.env, ...env } });
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: child.exitCode, lines: stdout.split('\n').slice(0, -1), stderr };
}

/** Runs a command that does not read standard input. */
async function here(args: readonly string[]) {
  const { code, stdout, stderr } = await vfioHere(args);
  return { code, lines: stdout.split('\n').slice(0, -1), stderr };
}

test('`vfio run` prints one line for each operation', async (t) => {
  const script = '{"op":"irq_info","index":1}\n\n{"op":"fly"}\n{"op":"reset"}';
  const { code, lines, stderr } = await vfio(['run', 'mock:edu'], script);
  t.deepEqual(lines, [
    '{"ok":true,"flags":9,"count":1}',
    '{"ok":false,"code":"ERR_OP","message":"line 3: unknown operation \\"fly\\""}',
    '{"ok":true}',
  ]);
  t.is(stderr, '');
  t.is(code, 0);
});

test('`vfio run` prints integers above 2^53 as strings', async (t) => {
  const lines = [0, 2 ** 53, 2 ** 53 + 2, 2 ** 60].flatMap((value) => [
    { op: 'mmio_write', region: 0, offset: 0x80, width: 8, value: `0x${value.toString(16)}` },
    { op: 'mmio_read', region: 0, offset: 0x80, width: 8 },
  ]);
  const script = lines.map((line) => JSON.stringify(line)).join('\n');
  const replies = (await vfio(['run', 'mock:edu'], script)).lines.filter((_, i) => i % 2 === 1);
  t.deepEqual(replies, [
    '{"ok":true,"value":0}',
    '{"ok":true,"value":9007199254740992}',
    '{"ok":true,"value":"0x20000000000002"}',
    '{"ok":true,"value":"0x1000000000000000"}',
  ]);
});

test('run reads a script from a file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vfio-run-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const script = join(folder, 'script.jsonl');
  await writeFile(script, '{"op":"read","region":7,"offset":0,"length":4}\n');
  const { code, lines } = await here(['run', 'mock:nvme', script, '--via', 'group']);
  t.deepEqual(lines, ['{"ok":true,"data":"361b1000"}']);
  t.is(code, 0);

  const missing = await here(['run', 'mock:nvme', join(folder, 'missing')]);
  t.is(missing.code, 1);
  t.regex(missing.stderr, /^vfio: ENOENT: no such file or directory, open '.*missing'\n$/);
});

test('`vfio run` replays a recorded script on another device and reports each different answer', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vfio-run-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const record = join(folder, 'record.jsonl');
  const script = '{"op":"irq_info","index":2}\nno JSON\n{"op":"fly"}\n';
  t.is((await vfio(['run', 'mock:nvme', '--record', record], script)).code, 0);
  t.deepEqual((await readFile(record, 'utf8')).split('\n'), [
    '{"op":"irq_info","index":2,"answer":{"ok":true,"flags":1,"count":65}}',
    '{"op":"fly","answer":{"ok":false,"code":"ERR_OP","message":"unknown operation \\"fly\\""}}',
    '',
  ]);
  const same = await here(['run', 'mock:nvme', record]);
  t.is(same.code, 0, same.stderr);
  t.is(same.lines[0], '{"ok":true,"flags":1,"count":65}');

  const again = join(folder, 'again.jsonl');
  const stopped = await here(['run', 'mock:edu', record]);
  t.is(stopped.code, 1);
  t.is(stopped.lines.length, 1);
  t.regex(
    stopped.stderr,
    /^vfio: line 1: the answer differs from the record, so the replay stopped\n$/,
  );

  const other = await here(['run', 'mock:edu', record, '--record', again, '--keep-going']);
  t.is(other.code, 1);
  t.is(other.lines.length, 2);
  t.deepEqual(other.stderr.split('\n'), [
    'vfio: line 1: the answer differs from the record',
    'vfio: 1 of 2 answers differ from the record',
    '',
  ]);
  t.is(
    other.lines[0],
    '{"ok":true,"flags":9,"count":0,"recorded":{"ok":true,"flags":1,"count":65}}',
  );
  t.is((await here(['run', 'mock:edu', again])).code, 0);
});

test('VFIO_RECORD records the operations of every program that uses the library', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vfio-run-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const record = join(folder, 'demo.jsonl');
  t.is((await vfio(['demo', 'mock:edu'], '', { VFIO_RECORD: record })).code, 0);
  const { code, stderr } = await here(['run', 'mock:edu', record]);
  t.is(code, 0, stderr);
});

test('a record whose changes have an unknown writer is refused before the device is opened', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vfio-run-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const record = join(folder, 'record.jsonl');
  const buffer = '{"op":"buffer","name":"b","size":4096,"answer":{"ok":true}}\n';
  const change =
    '{"op":"buffer_write","name":"b","offset":0,"data":"01000000","inferred":true,"answer":{"ok":true}}\n';
  await writeFile(record, buffer + change);
  const refused = await here(['run', 'mock:edu', record]);
  t.is(refused.code, 1);
  t.deepEqual(refused.lines, []);
  t.regex(refused.stderr, /^vfio: .*the record is refused: line 2: .*\n.*access: 'read'.*\n$/);

  const piped = await vfio(['run', 'mock:edu'], buffer + change);
  t.is(piped.code, 1);
  t.is(piped.lines.length, 2);
  t.regex(piped.lines[1] ?? '', /the record must be a file/);
  const read =
    '{"op":"buffer_read","name":"b","offset":0,"length":4,"inferred":true,"answer":{"ok":true,"data":"00000000"}}\n';
  const pipedRead = await vfio(['run', 'mock:edu'], buffer + read + change);
  t.is(pipedRead.code, 1);
  t.is(pipedRead.lines.length, 2);
});

test('a script can be a pipe, which is read only once', async (t) => {
  const script = spawn(
    'sh',
    ['-c', `echo '{"op":"info"}' | "$@"`, 'sh', process.execPath, VFIO].concat(
      'run',
      'mock:edu',
      '/dev/stdin',
    ),
  );
  t.regex(await text(script.stdout), /^{"ok":true,"flags":3,[^\n]+\n$/);
});

for (const { args, says } of [
  { args: ['run'], says: /give <device>/ },
  { args: ['run', 'mock:edu', 'one', 'two'], says: /unexpected argument 'two'/ },
  { args: ['run', 'mock:edu', 'a', '--record', './a'], says: /would overwrite the script/ },
  { args: ['run', 'mock:edu', '--via', 'door'], says: /--via must be group or cdev, not 'door'/ },
]) {
  test(`a usage error is reported on one line: ${args.join(' ')}`, async (t) => {
    const { code, stderr } = await here(args);
    t.is(code, 2);
    t.regex(stderr, says);
  });
}

test('the option --via with an interface that the device does not have gives an error', async (t) => {
  const { code, stderr } = await here(['run', 'mock:edu?kernel=6.1', '--via', 'cdev']);
  t.is(code, 1);
  t.regex(stderr, /^vfio: ENOENT/);
});

test('command-line options select the kernel that the mock emulates', async (t) => {
  const script = '{"op":"irq_info","index":2}\n{"op":"feature","flags":327691,"data":""}';
  const answers = async (...options: string[]) =>
    (await vfio(['run', 'mock:nvme', ...options], script)).lines.map((line) => {
      const { flags, ok } = JSON.parse(line) as { flags?: number; ok: boolean };
      return flags ?? ok;
    });
  t.deepEqual(await answers(), [1, true]);
  t.deepEqual(await answers('--mock-dmabuf', 'off'), [1, false]);
  t.deepEqual(await answers('--mock-kernel', '6.1', '--mock-dmabuf', 'on'), [9, false]);
  t.deepEqual(await answers('--mock-kernel', '6.12', '--via', 'cdev'), [1, false]);
});

test('an unknown kernel, or a mock option for a real device, is a usage error', async (t) => {
  for (const args of [
    ['mock:nvme', '--mock-kernel', '5.10'],
    ['mock:nvme', '--mock-dmabuf', 'yes'],
    ['0000:01:00.0', '--mock-kernel', '6.1'],
  ]) {
    const { code, stderr } = await here(['run', ...args]);
    t.is(code, 2, stderr);
  }
});

test('`vfio run` ends when the reader of its output closes the pipe, even if more input follows', async (t) => {
  const child = spawn(process.execPath, [VFIO, 'run', 'mock:edu']);
  const endless = setInterval(() => child.stdin.write('{"op":"info"}\n'), 5);
  child.stdin.on('error', () => undefined);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  await once(child, 'close');
  clearInterval(endless);
  t.is(child.signalCode, null);
});
