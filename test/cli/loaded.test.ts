// Tests which modules a command loads. A test of the elapsed time would depend on the
// machine.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { COMMANDS } from '../../lib/cli/commands.js';
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
  for (const name of ['info', 'bind', 'vfs', 'lab', 'repl', 'serve', 'trace', 'completion']) {
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
  t.true(modules.includes('backend/mock/index.js'));
  const others = ['backend/kernel', 'native/', 'ims/', 'msix/', 'vectors/', 'message/', 'trace/t'];
  t.deepEqual(within(modules, ...others), []);
});

test('`vfio list` loads the mock models and the sysfs reader, but no code that opens devices', async (t) => {
  const modules = await loaded('list');
  const others = ['device/', 'native/', 'backend/mock/vfio/', 'backend/mock/slot', 'ims/'];
  t.deepEqual(within(modules, ...others), []);
  t.true(modules.length < 100, `${modules.length}`);
});
