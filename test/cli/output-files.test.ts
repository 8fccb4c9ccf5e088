// All commands that write a file treat existing files alike.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { programPath, runCommand } from '../observe/run-program.js';
import { vfioHere } from './in-process.js';
import { VFIO } from './vfio.js';

/** The commands that write a file, with the arguments for an output file. */
const WRITERS: Readonly<Record<string, (path: string, force: readonly string[]) => string[]>> = {
  snapshot: (path, force) => ['snapshot', 'mock:edu', path, ...force],
  run: (path, force) => ['run', 'mock:edu', 'script', '--record', path, ...force],
  trace: (path, force) => [
    ...['trace', '-o', path, ...force],
    ...['--', process.execPath, programPath('accesses'), '2'],
  ],
};

const FORCES = [[], ['--force']];
const SCRIPT = '{"op":"info"}\n';

/** Creates a folder with a script and one object of each kind. */
function makeFolder(): string {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  writeFileSync(at('script'), SCRIPT);
  writeFileSync(at('file.json'), 'mine');
  mkdirSync(at('folder.json'));
  symlinkSync('file.json', at('link.json'));
  symlinkSync('nowhere', at('dangling.json'));
  symlinkSync('/dev/null', at('device.json'));
  execFileSync('mkfifo', [at('fifo.json')]);
  return folder;
}

function run(command: string, path: string, force: readonly string[], cwd: string) {
  const args = WRITERS[command]?.(path, force) ?? [];
  return vfioHere(args, cwd);
}

/** Runs a command in a process of its own, because `vfio trace` starts a program. */
function runAlone(command: string, path: string, force: readonly string[], cwd: string) {
  const args = WRITERS[command]?.(path, force) ?? [];
  return runCommand([process.execPath, VFIO, ...args], { cwd });
}

const contents = (folder: string) => readFileSync(join(folder, 'file.json'), 'utf8');

for (const command of Object.keys(WRITERS)) {
  test(`${command} refuses an existing file, and replaces the file with --force`, async (t) => {
    const folder = makeFolder();
    const refused = await run(command, 'file.json', [], folder);
    t.is(refused.code, 1);
    t.is(refused.stdout, '');
    t.regex(
      refused.stderr,
      /^vfio: EEXIST: file already exists 'file.json'[^\n]*\nUse --force [^\n]*\n$/,
    );
    t.is(contents(folder), 'mine');
    const start = command === 'trace' ? runAlone : run;
    const replaced = await start(command, 'file.json', ['--force'], folder);
    t.is(replaced.code, 0, replaced.stderr);
    t.true(contents(folder).startsWith('{'));
  });

  test(`${command} leaves links, folders, devices and FIFOs unchanged`, async (t) => {
    const folder = makeFolder();
    const before = readdirSync(folder);
    for (const force of FORCES) {
      for (const name of ['folder', 'link', 'dangling', 'device', 'fifo'].map(
        (kind) => `${kind}.json`,
      )) {
        const { code, stderr } = await run(command, name, force, folder);
        t.is(code, 1, name);
        t.regex(
          stderr,
          /^vfio: EEXIST: this name belongs to a folder, a device or a link '[^\n]+\n/,
        );
      }
    }
    t.deepEqual(readdirSync(folder), before);
    t.is(contents(folder), 'mine');
  });

  test(`${command}: a name that no file can have gives one line`, async (t) => {
    const folder = makeFolder();
    const before = readdirSync(folder);
    for (const name of ['.', '/dev/null', 'script/below', 'no/such', 'x'.repeat(300)]) {
      const { code, stderr } = await run(command, name, [], folder);
      t.true(code === 1 || code === 2, name);
      t.regex(stderr, /^vfio: (E[A-Z]+: |--output )[^\n]+\n(Choose another name\.\n)?$/);
    }
    t.deepEqual(readdirSync(folder), before);
  });
}

test('a record of a device that cannot be opened replaces no file', async (t) => {
  const folder = makeFolder();
  const args = ['run', 'mock:nothing', 'script', '--record', 'file.json', '--force'];
  t.is((await vfioHere(args, folder)).code, 1);
  t.is(contents(folder), 'mine');
});

test('a record never replaces its own script, whatever the name of the script', async (t) => {
  const folder = makeFolder();
  symlinkSync('script', join(folder, 'alias'));
  for (const name of ['script', './script', 'alias']) {
    const args = ['run', 'mock:edu', name, '--record', 'script', '--force'];
    const { code, stderr } = await vfioHere(args, folder);
    t.is(code, 2);
    t.regex(stderr, /would overwrite the script/);
  }
  t.is(readFileSync(join(folder, 'script'), 'utf8'), SCRIPT);
});

for (const name of ['out', 'out.html', 'out.json']) {
  test(`vfio trace -o ${name} writes out.html and out.json`, async (t) => {
    const folder = temporaryFolder();
    const program = [process.execPath, programPath('accesses'), '2'];
    const args = ['trace', '-o', name, '--', ...program];
    const { code, stderr } = await runCommand([process.execPath, VFIO, ...args], { cwd: folder });
    t.is(code, 0, stderr);
    t.deepEqual(readdirSync(folder).sort(), ['out.html', 'out.json']);
  });
}
