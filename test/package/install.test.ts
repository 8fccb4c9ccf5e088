import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Consumer, tarball } from './consumer.js';

/** A program that creates an eventfd with the addon and opens a mock device. */
const PROGRAM = `
const eventfd = vfio.createEventfd();
eventfd.signal(3n);
console.log(String(eventfd.read()));
vfio.openDevice('mock:edu').then((device) => {
  console.log(device.config.header().vendorId.toString(16));
  device.close();
});`;
const VFIO = 'node_modules/.bin/vfio';

/** @param compiler - whether the PATH of the project contains a compiler */
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

test('the package can be installed without a compiler', async (t) => {
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
    const demo = await project.run('node', VFIO, 'demo', 'mock:nvme', '--json');
    t.true((JSON.parse(demo.stdout) as { ok: boolean }).ok);
    t.false(existsSync(join(project.folder, 'node_modules/vfio/build')), 'npm built nothing');
  } finally {
    project.remove();
  }
});

test('vfio build builds an addon, which has priority over the prebuilt addon', async (t) => {
  const project = await consumer(true);
  try {
    writeFileSync(project.addon, 'of another machine');
    const error = await t.throwsAsync(project.run('node', 'import.mjs'));
    t.regex(error.message, /ENOENT: the native addon of the package does not load: .+/);
    t.regex(error.message, /npx vfio build/);
    const { stdout } = await project.run('npx', 'vfio', 'build');
    t.is(stdout, `${join(project.folder, 'node_modules/vfio/build/Release/vfio.node')}\n`);
    t.is((await project.run('node', 'import.mjs')).stdout, '3\n1234\n');
    for (const left of ['binding.gyp', 'node-addon-api']) {
      t.false(existsSync(join(project.folder, 'node_modules/vfio', left)), left);
    }
  } finally {
    project.remove();
  }
});

test('without an addon, the mock works, and the error and vfio build name what is missing', async (t) => {
  const project = await consumer(false);
  try {
    rmSync(join(project.folder, 'node_modules/vfio/prebuilds'), { recursive: true });
    t.is((await project.run('node', 'mock.mjs')).stdout, 'ok\n');
    const opened = `import('vfio').then(({ openDevice }) => openDevice('mock:edu')).then(() => console.log('ok'))`;
    t.is((await project.run('node', '-e', opened)).stdout, 'ok\n');
    const error = await t.throwsAsync(project.run('node', 'import.mjs'));
    t.regex(error.message, /ENOENT: the package has no native addon for linux-\w+ \(glibc\)/);
    t.regex(error.message, /npx vfio build/);
    const build = await t.throwsAsync(project.run('node', VFIO, 'build'));
    t.regex(
      build.message,
      /vfio: ENOENT: the build of the addon needs python3 and make and g\+\+\n/,
    );
    t.regex(build.message, /apt-get install python3 make g\+\+/);
  } finally {
    project.remove();
  }
});
