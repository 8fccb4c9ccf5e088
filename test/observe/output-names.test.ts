import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FULL } from '../full.js';
import { temporaryFolder } from '../native/helpers.js';
import { runProgram } from './run-program.js';

/** Creates a folder with one object of each kind. */
function makeFolder(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'file'), 'mine');
  symlinkSync('file', join(folder, 'link'));
  symlinkSync('nowhere', join(folder, 'dangling'));
  symlinkSync('/dev/null', join(folder, 'device-link'));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  return folder;
}

const MORE_RECORDS = FULL ? ['.', '..', 'dangling', 'device-link'] : [];
for (const name of ['folder', 'link', 'fifo', '/dev/null', ...MORE_RECORDS]) {
  test(`VFIO_RECORD=${name}: nothing is recorded, and the program runs as usual`, async (t) => {
    const folder = makeFolder();
    const before = readdirSync(folder);
    const { code, stdout, stderr } = await runProgram('accesses', ['3'], {
      cwd: folder,
      env: { VFIO_RECORD: name },
    });
    t.is(code, 0);
    t.is(stdout.replace(/sum \d+\n/, ''), '');
    t.regex(
      stderr,
      /^vfio: VFIO_RECORD stopped: EEXIST: this name belongs to a folder, a device or a link, open '[^']+'. Nothing is recorded.\n$/,
    );
    t.deepEqual(readdirSync(folder), before);
    t.is(readFileSync(join(folder, 'file'), 'utf8'), 'mine');
  });
}

const MORE_TRACES = FULL ? ['dangling', '/dev/null'] : [];
for (const name of ['file', 'fifo', 'file/below', ...MORE_TRACES]) {
  test(`VFIO_TRACE=${name}: nothing is traced, and the program runs as usual`, async (t) => {
    const folder = makeFolder();
    const before = readdirSync(folder);
    const { code, stderr } = await runProgram('accesses', ['3'], {
      cwd: folder,
      env: { VFIO_TRACE: name },
    });
    t.is(code, 0);
    t.regex(stderr, /^vfio: VFIO_TRACE stopped: E[A-Z]+: [^\n]+. Nothing is traced.\n$/);
    t.deepEqual(readdirSync(folder), before);
  });
}

test('a folder without write permission gives one line', async (t) => {
  if (process.getuid?.() === 0) {
    t.pass('root can write in every folder');
    return;
  }
  const folder = temporaryFolder();
  chmodSync(folder, 0o500);
  const { code, stderr } = await runProgram('accesses', ['3'], {
    env: { VFIO_RECORD: join(folder, 'record'), VFIO_TRACE: join(folder, 'trace') },
  });
  t.is(code, 0);
  t.regex(
    stderr,
    /^vfio: VFIO_\w+ stopped: EACCES: [^\n]+\nvfio: VFIO_\w+ stopped: EACCES: [^\n]+\n$/,
  );
});

test('a relative name belongs to the folder in which the program started', async (t) => {
  const folder = temporaryFolder();
  const { code, stderr } = await runProgram('accesses', ['3'], {
    cwd: folder,
    env: { VFIO_RECORD: 'record', VFIO_TRACE: 'trace' },
  });
  t.is(code, 0, stderr);
  t.deepEqual(readdirSync(folder).sort(), ['record', 'trace']);
});
