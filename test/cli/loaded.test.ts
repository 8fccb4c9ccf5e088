// Tests which modules a command loads. A test of the elapsed time would depend on the
// machine.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { COMMANDS } from '../../lib/cli/commands.js';
import { FULL } from '../full.js';
import { VFIO } from './vfio.js';

/** Lists the modules of lib/ that a command line loads. */
async function loaded(...args: string[]): Promise<string[]> {
  const { stderr } = await promisify(execFile)(process.execPath, [VFIO, ...args], {
    env: { ...process.env, NODE_DEBUG: 'esm' },
    maxBuffer: 1 << 26,
  });
  const urls = stderr.matchAll(/file:\/\/[^\s'"]*\/dist\/lib\/([^\s'"?]*\.js)/g);
  return [...new Set([...urls].map(([, path = '']) => path))].sort();
}

const within = (modules: readonly string[], ...folders: string[]) =>
  modules.filter((path) => folders.some((folder) => path.startsWith(folder)));

test('`vfio --version` loads only the command line, the checks and the error classes', async (t) => {
  const modules = await loaded('--version');
  t.deepEqual(
    modules.filter((path) => !path.startsWith('cli/')),
    ['checks.js', 'errors.js', 'printable.js'],
  );
  t.deepEqual(within(modules, 'cli/list', 'cli/completion'), []);
});

test('the help of a command loads neither the library nor another command', async (t) => {
  for (const name of FULL ? Object.keys(COMMANDS) : ['info', 'lab', 'trace']) {
    const modules = await loaded(name, '--help');
    t.true(modules.includes(`cli/${name}.js`), name);
    t.deepEqual(
      within(modules, 'index.js', 'device/', 'backend/mock', 'native/', 'pci/'),
      [],
      name,
    );
    const others = Object.keys(COMMANDS).filter((other) => other !== name);
    t.deepEqual(within(modules, ...others.map((other) => `cli/${other}.js`)), [], name);
    t.true(modules.length < 50, `${name} ${modules.length}`);
  }
});

test('a command on a mock device loads neither the kernel back end nor an unused component', async (t) => {
  const modules = await loaded('info', 'mock:nvme');
  t.true(modules.includes('backend/mock/backend.js'));
  const others = ['backend/kernel', 'native/', 'ims/', 'msix/', 'vectors/', 'message/', 'trace/t'];
  t.deepEqual(within(modules, ...others, 'pci/listing', 'pci/setpci'), []);
  t.true(modules.length < 220, `${modules.length}`);
});

test('a command on a mock device loads only the model of this device', async (t) => {
  const names: Readonly<Record<string, string>> = { edu: 'edu.js', dsa: 'dsa/' };
  for (const [name, own] of Object.entries(names)) {
    const models = within(await loaded('info', `mock:${name}#1`), 'backend/mock/models/');
    const others = Object.values(names).filter((path) => path !== own);
    t.true(within(models, `backend/mock/models/${own}`).length > 0, name);
    t.deepEqual(within(models, ...others.map((path) => `backend/mock/models/${path}`)), [], name);
  }
});

test('`vfio list` loads the ids of the mock models and the sysfs reader, but no model', async (t) => {
  const modules = await loaded('list');
  t.deepEqual(within(modules, 'backend/'), [
    'backend/mock/models/identities.js',
    'backend/mock/models/registry.js',
  ]);
  t.deepEqual(within(modules, 'device/', 'native/', 'pci/', 'registers/'), []);
  t.true(modules.length < 36, `${modules.length}`);
});

test('`vfio --help` loads only the files that parse the command line', async (t) => {
  const modules = await loaded('--help');
  t.true(modules.length < 15, `${modules.length}`);
});
