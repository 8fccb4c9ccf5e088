import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { vfioHere } from './in-process.js';
import { modelModule } from './model-module.js';
import { VFIO, vfio } from './vfio.js';

/** Writes a module that registers a model. Returns the arguments that import the module. */
function importing(name: string): string[] {
  const path = join(temporaryFolder(), 'card.mjs');
  writeFileSync(path, modelModule(name));
  return ['--import', path];
}

test('`vfio list` and the completion show a model that --import registers', async (t) => {
  const imports = importing('imported');
  const [list, completion] = await Promise.all([
    vfio(['list', ...imports, ...importing('other')]),
    vfio(['completion', 'bash', ...imports]),
  ]);
  const devices = list.stdout.split('\n').map((line) => line.split(/ +/).slice(0, 2).join(' '));
  t.deepEqual(devices.slice(-3), ['mock:imported 4711:0001', 'mock:other 4711:0001', '']);
  t.true(completion.stdout.includes('mock:imported'));
  t.is(list.stderr, '');
});

test('a command opens a device of a model that --import registers', async (t) => {
  const imports = importing('opened');
  const commands = [
    ['info', 'mock:opened'],
    ['config', 'mock:opened', 'command'],
    ['peek', 'mock:opened', 'config', '0', '-w', '2'],
  ];
  for (const command of commands) {
    const { code, stderr } = await vfioHere([...command, ...imports]);
    t.deepEqual([code, stderr], [0, ''], command.join(' '));
  }
});

test('--import accepts the name of a package that the current folder can import', async (t) => {
  const folder = temporaryFolder();
  const card = join(folder, 'node_modules', 'card');
  mkdirSync(card, { recursive: true });
  writeFileSync(join(card, 'index.js'), modelModule('packaged'));
  writeFileSync(join(card, 'package.json'), '{"type":"module","main":"index.js"}');
  const command = [VFIO, 'info', 'mock:packaged', '--import', 'card'];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: folder });
  t.regex(stdout, /^mock:packaged via group\n/);
});

test('--import reports a missing module in one line, and the error of a module with its place', async (t) => {
  const missing = await vfioHere(['list', '--import', './none.mjs']);
  t.deepEqual([missing.code, missing.stdout], [2, '']);
  t.is(missing.stderr, "vfio: --import: there is no module './none.mjs'\n");
  const broken = join(temporaryFolder(), 'broken.mjs');
  writeFileSync(broken, "throw new TypeError('no such card')");
  const thrown = await vfioHere(['list', '--import', broken]);
  t.deepEqual([thrown.code, thrown.stdout], [1, '']);
  t.regex(thrown.stderr, /TypeError: no such card[^]*broken\.mjs:1/);
});
