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
  const urls = stderr.matchAll(/file:\/\/[^\s'"]*\/dist\/lib\/([^\s'"?]*\.m?js)/g);
  return [...new Set([...urls].map(([, path = '']) => path))].sort();
}

const within = (modules: readonly string[], ...folders: string[]) =>
  modules.filter((path) => folders.some((folder) => path.startsWith(folder)));

/** Whether a file is a bundle, and whether one of the entries of scripts/bundle.mjs imports it. */
const isBundleOf = (file: string, ...entries: string[]) =>
  file.startsWith('bundle-') && entries.some((entry) => file.split(/[-.]/).includes(entry));

test('`vfio --help` and `vfio --version` load only the bundles of the command line', async (t) => {
  for (const option of ['--help', '--version']) {
    const modules = await loaded(option);
    t.deepEqual(
      modules.filter((file) => !isBundleOf(file, 'start')),
      ['cli/main.js', 'cli/warnings.js'],
    );
  }
});

test('the help of a command does not load the library', async (t) => {
  for (const name of FULL ? Object.keys(COMMANDS) : ['info', 'lab', 'trace']) {
    const modules = await loaded(name, '--help');
    t.deepEqual(
      modules.filter((file) => !isBundleOf(file, 'start', 'commands')),
      // No other module has the same entries as platform.js, so platform.js is in no bundle.
      [`cli/${name}.js`, 'cli/main.js', 'cli/warnings.js', 'platform.js'].sort(),
    );
  }
});

test('a command on a mock device does not load the kernel back end', async (t) => {
  const modules = await loaded('info', 'mock:nvme');
  t.deepEqual(within(modules, 'bundle-index', 'bundle-lab', 'backend/kernel'), []);
  t.true(modules.includes('bundle-mock-index.mjs'));
});

test('`vfio list` loads the ids of the mock models and the sysfs reader, but no model', async (t) => {
  const modules = await loaded('list');
  t.deepEqual(
    modules.filter((file) => !isBundleOf(file, 'start')),
    ['backend/mock/models/registry.js', 'cli/list.js', 'cli/main.js', 'cli/warnings.js'],
  );
});
