import { cpSync, rmSync } from 'node:fs';
import test from 'ava';
import { FULL } from '../full.js';
import { Consumer, tarball } from './consumer.js';

const PROGRAM = `
import { createEventfd, openDevice } from 'vfio';
async function main() {
  const device = await openDevice('mock:edu');
  console.log(device.name);
  device.close();
  const eventfd = createEventfd();
  eventfd.signal(3n);
  console.log(String(eventfd.read()));
}
main().catch(({ message, hint }) => console.log(message, hint));`;
const MOCK = `
import { openDeviceSync } from 'vfio/mock';
openDeviceSync('mock:edu').close();
console.log('ok');`;
/** Starts a bundle from another folder, so that process.argv does not name the bundle. */
const LAUNCHER = `import('./out/program/' + process.argv[2]);`;

const ESBUILD = ['node_modules/.bin/esbuild', '--bundle', '--platform=node', '--log-level=error'];
const WEBPACK = `module.exports = {
  mode: 'production', target: 'node', entry: { program: './program.mjs', mock: './mock.mjs' },
  output: { path: __dirname + '/out', filename: '[name]/index.cjs' },
};`;
const SEA = `{
  "main": "out/program/index.cjs", "output": "out/blob", "disableExperimentalSEAWarning": true
}`;

interface Bundler {
  readonly title: string;
  readonly packages: readonly string[];
  /** Writes out/program/index.* and out/mock/index.*, or an executable. */
  readonly commands: readonly (readonly string[])[];
  /** Name of the bundle. Default: index.cjs. */
  readonly file?: string;
}

const esbuild = (name: string, format: string, file: string): string[] => [
  ...ESBUILD,
  `--format=${format}`,
  `${name}.mjs`,
  `--outfile=out/${name}/${file}`,
];
const ncc = (name: string): string[] => [
  'node_modules/.bin/ncc',
  'build',
  `${name}.mjs`,
  '-o',
  `out/${name}`,
];

const BUNDLERS: readonly Bundler[] = [
  {
    title: 'esbuild, ES module',
    packages: ['esbuild@0.28'],
    commands: ['program', 'mock'].map((name) => esbuild(name, 'esm', 'index.mjs')),
    file: 'index.mjs',
  },
  {
    title: 'esbuild, CommonJS',
    packages: ['esbuild@0.28'],
    commands: ['program', 'mock'].map((name) => esbuild(name, 'cjs', 'index.cjs')),
  },
  {
    title: 'webpack',
    packages: ['webpack@5', 'webpack-cli@6'],
    commands: [['node_modules/.bin/webpack']],
  },
  {
    title: 'ncc',
    packages: ['@vercel/ncc@0.45'],
    commands: ['program', 'mock'].map(ncc),
    file: 'index.mjs',
  },
];

/** Writes the programs and installs the packages. */
async function prepare(packages: readonly string[]): Promise<Consumer> {
  const project = new Consumer(true);
  project.write('program.mjs', PROGRAM);
  project.write('mock.mjs', MOCK);
  project.write('launcher.mjs', LAUNCHER);
  project.write('webpack.config.cjs', WEBPACK);
  project.write('sea.json', SEA);
  await project.install(tarball, ...packages);
  return project;
}

/** Moves the package away, so that a bundle cannot use the package. Returns the addons. */
function moveAway(project: Consumer): string {
  const addons = project.path('addons');
  cpSync(project.path('node_modules/vfio/prebuilds'), addons, { recursive: true });
  rmSync(project.path('node_modules/vfio'), { recursive: true });
  return addons;
}

for (const { title, packages, commands, file = 'index.cjs' } of FULL
  ? BUNDLERS
  : BUNDLERS.slice(0, 2)) {
  test.serial(`${title}: a bundle works, with the addons beside the bundle`, async (t) => {
    const project = await prepare(packages);
    try {
      for (const [program = '', ...args] of commands) {
        const { stdout } = await project.run(program, ...args);
        t.notRegex(stdout, /warning/i);
      }
      const addons = moveAway(project);
      t.is((await project.run('node', `out/mock/${file}`)).stdout, 'ok\n');
      const run = async () => (await project.run('node', 'launcher.mjs', file)).stdout;
      t.regex(await run(), /^mock:edu\nENOENT: the native addon is not beside the bundle: .+\n$/);
      cpSync(addons, project.path('out/program/prebuilds'), { recursive: true });
      t.is(await run(), 'mock:edu\n3\n');
    } finally {
      project.remove();
    }
  });
}

(FULL ? test.serial : test.skip)('a single executable finds the addons beside it', async (t) => {
  const project = await prepare(['esbuild@0.28', 'postject@1.0.0-alpha.6']);
  try {
    const [program = '', ...args] = esbuild('program', 'cjs', 'index.cjs');
    await project.run(program, ...args);
    await project.run('node', '--experimental-sea-config', 'sea.json');
    cpSync(process.execPath, project.path('out/app'), { dereference: true });
    const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
    const postject = ['out/app', 'NODE_SEA_BLOB', 'out/blob', '--sentinel-fuse', fuse];
    await project.run('node_modules/.bin/postject', ...postject);
    const addons = moveAway(project);
    const run = async () => (await project.run(project.path('out/app'))).stdout;
    t.regex(await run(), /^mock:edu\nENOENT: the native addon is not beside the bundle: .+\n$/);
    cpSync(addons, project.path('out/prebuilds'), { recursive: true });
    t.is(await run(), 'mock:edu\n3\n');
  } finally {
    project.remove();
  }
});
