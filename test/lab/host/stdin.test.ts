import { createHash, randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { runInLab } from 'vfio/lab';

/**
 * Runs a command with `stdin` and returns the command's output. The guest has only one device, so
 * that it boots faster.
 */
async function output(stdin: Readable | undefined, ...[command, ...args]: [string, ...string[]]) {
  const stdout = new PassThrough();
  const printed = text(stdout);
  const { exitCode } = await runInLab({ command, args, stdin, stdout, devices: ['edu'] });
  stdout.end();
  return { exitCode, printed: await printed };
}

test.serial('a command reads its input to the end', async (t) => {
  const bytes = randomBytes(3_000_001);
  const md5 = createHash('md5').update(bytes).digest('hex');
  t.deepEqual(await output(Readable.from([bytes]), 'md5sum'), {
    exitCode: 0,
    printed: `${md5}  -\n`,
  });
});

test.serial('without input, a command immediately reads the end of the file', async (t) => {
  t.deepEqual(await output(undefined, 'cat'), { exitCode: 0, printed: '' });
});

test.serial('a command can end before the end of its input', async (t) => {
  const stdin = new PassThrough();
  stdin.write('one\ntwo\n');
  t.deepEqual(await output(stdin, 'head', '-n', '1'), { exitCode: 0, printed: 'one\n' });
  t.true(stdin.isPaused());
});

test.serial('a command can reply to each input line before it reads the next line', async (t) => {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const ended = runInLab({ command: 'cat', stdin, stdout, devices: ['edu'] });
  const echo = stdout.setEncoding('utf8')[Symbol.asyncIterator]();
  for (const line of ['first\n', 'second\n']) {
    stdin.write(line);
    t.is((await echo.next()).value, line);
  }
  stdin.end();
  t.is((await ended).exitCode, 0);
});
