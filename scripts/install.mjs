// npm runs this script when the package is installed. If the prebuilt addon does not load, the
// script builds the addon. If the build fails, the installation still succeeds, because mock
// devices need no addon.
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
  // npm sets npm_config_node_gyp to the path of npm's own node-gyp.
  const gyp = process.env.npm_config_node_gyp;
  const [file, ...args] = gyp === undefined ? ['node-gyp'] : [process.execPath, gyp];
  const { status } = spawnSync(file, [...args, 'rebuild', '--loglevel=error', '--jobs=max'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) {
    console.error(
      "vfio: the native addon could not be built: only mock devices work. To use real devices, install python3, make and g++, then run 'npm rebuild vfio'.",
    );
  }
}
