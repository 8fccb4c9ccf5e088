import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { Consumer, root, tarball } from './consumer.js';

const exec = promisify(execFile);
const listing = await exec('tar', ['tzf', tarball], { maxBuffer: 2 ** 24 });
const files = listing.stdout
  .trim()
  .split('\n')
  .map((path) => path.replace('package/', ''));
const prebuilt = join('prebuilds', `${process.platform}-${process.arch}`, 'vfio.node');

/** A program that creates an eventfd with the addon and opens a mock device. */
const PROGRAM = `
const eventfd = vfio.createEventfd();
eventfd.signal(3n);
console.log(String(eventfd.read()));
vfio.openDevice('mock:edu').then((device) => {
  console.log(device.config.header().vendorId.toString(16));
  device.close();
});`;

async function consumer(compiler: boolean): Promise<Consumer> {
  const project = new Consumer(compiler);
  project.write('import.mjs', `import * as vfio from 'vfio';${PROGRAM}`);
  project.write('require.cjs', `const vfio = require('vfio');${PROGRAM}`);
  project.write(
    'mock.mjs',
    `import { openDevice } from 'vfio/mock'; (await openDevice('mock:nvme')).close(); console.log('ok');`,
  );
  project.write(
    'others.cjs',
    `require('vfio/mock').openDeviceSync('mock:nvme').close();
    require('vfio/lab').runInLab({ command: 'true', cpus: 0 }).catch(({ name }) => console.log(name));`,
  );
  await project.install(tarball);
  return project;
}

test('the package contains only files of the allowed kinds', (t) => {
  const allowed =
    /^(dist\/lib\/.+\.(js|d\.ts)|native\/(addon|core)\/[^/]+\.(cc|h)|assets\/trace\/[^/]+|docs\/[^/]+\.(md|svg)|examples\/.+\.ts|prebuilds\/[^/]+\/vfio\.node|scripts\/install\.mjs|binding\.gyp|package\.json|README\.md|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md|LICENSE)$/;
  t.deepEqual(
    files.filter((file) => !allowed.test(file)),
    [],
  );
  const { sources } = (
    JSON.parse(readFileSync(join(root, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, '')) as {
      targets: [{ sources: string[] }];
    }
  ).targets[0];
  for (const file of [...sources, prebuilt, 'dist/lib/cli/main.js'])
    t.true(files.includes(file), file);
  const compiled = files.filter((file) => file.startsWith('dist/lib/') && file.endsWith('.js'));
  const written = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' });
  t.is(compiled.length, written.filter((file) => file.endsWith('.ts')).length, 'none is stale');
});

test('the package contains all files to which its documentation pages link', (t) => {
  const pages = files.filter((file) => file.endsWith('.md'));
  t.true(pages.length > 15);
  for (const page of pages) {
    const links = readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!\w+:|#)([^)#]+)[^)]*\)/g);
    for (const [, link = ''] of links) {
      const target = join(dirname(page), link);
      t.true(files.includes(target), `${page} links to ${target}`);
    }
  }
});

test('the package can be installed without a compiler and without running install scripts', async (t) => {
  const project = await consumer(false);
  try {
    for (const [program, prints] of [
      ['import.mjs', '3\n1234\n'],
      ['require.cjs', '3\n1234\n'],
      ['others.cjs', 'RangeError\n'],
    ] as const) {
      const { stdout, stderr } = await project.run('node', program);
      t.is(stdout, prints, program);
      // Node 20 warns that require() of an ES module is experimental.
      t.notRegex(stderr.replaceAll(/.*(ExperimentalWarning|--trace-warnings).*\n/g, ''), /./);
    }
    t.is((await project.run('node', 'mock.mjs')).stdout, 'ok\n');
    const demo = await project.run('node', 'node_modules/.bin/vfio', 'demo', 'mock:nvme', '--json');
    t.true((JSON.parse(demo.stdout) as { ok: boolean }).ok);
    await project.rebuild();
    t.false(
      existsSync(join(project.folder, 'node_modules/vfio/build')),
      'npm rebuild built nothing, because the prebuilt addon loads',
    );
  } finally {
    project.remove();
  }
});

test('the addon is built from source if the prebuilt addon does not load', async (t) => {
  const project = await consumer(true);
  try {
    project.write(join('node_modules/vfio', prebuilt), 'of another machine');
    await project.rebuild();
    t.is((await project.run('node', 'import.mjs')).stdout, '3\n1234\n');
  } finally {
    project.remove();
  }
});

test('without an addon and a compiler, the mock works, and one line lists the missing tools', async (t) => {
  const project = await consumer(false);
  try {
    rmSync(join(project.folder, 'node_modules/vfio/prebuilds'), { recursive: true });
    t.regex(await project.rebuild(), /vfio: the native addon could not be built: .*python3.*\n/);
    t.is((await project.run('node', 'mock.mjs')).stdout, 'ok\n');
    const error = await t.throwsAsync(project.run('node', 'import.mjs'));
    t.regex(error.message, /VfioError: ENOENT: the native addon is not built/);
    const opened = `import('vfio').then(({ openDevice }) => openDevice('mock:edu')).then(() => console.log('ok'))`;
    t.is((await project.run('node', '-e', opened)).stdout, 'ok\n');
  } finally {
    project.remove();
  }
});

test('publint and attw report no problem', async (t) => {
  const publint = join(root, 'node_modules/.bin/publint');
  await t.notThrowsAsync(exec(publint, ['run', '--strict', tarball]));
  const attw = join(root, 'node_modules/.bin/attw');
  await t.notThrowsAsync(exec(attw, ['--profile', 'esm-only', tarball]));
});
