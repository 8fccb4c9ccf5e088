// Runs when the package is installed: builds the addon where the one in the package does not load.
// Never fails the installation, since the mocks need no addon.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

function loads(path) {
  try {
    require(`${root}${path}`);
    return true;
  } catch {
    return false;
  }
}

const built = `prebuilds/${process.platform}-${process.arch}/vfio.node`;
if (!loads(built) && !loads('build/Release/vfio.node')) {
  // npm brings a node-gyp of its own.
  const gyp = process.env.npm_config_node_gyp;
  const [file, ...args] = gyp === undefined ? ['node-gyp'] : [process.execPath, gyp];
  const { status } = spawnSync(file, [...args, 'rebuild', '--loglevel=error', '--jobs=max'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) {
    console.error(
      "vfio: the native addon could not be built: real devices need python3, make and g++, then 'npm rebuild vfio'. The mocks work.",
    );
  }
}
