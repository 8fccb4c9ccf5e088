import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { root } from './helpers.js';

const LIBRARY = join(root, 'dist/lib/index.js');

/** Runs a program in a new process, with options of Node.js and additional variables. */
async function run(program: string, options: string[] = [], env = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...options, '--input-type=module', '-e', program],
    { env: { ...process.env, ...env } },
  );
  return stdout;
}

/** A program that loads the addon and prints the error. */
const LOAD = `
const { createEventfd } = await import(${JSON.stringify(LIBRARY)});
try {
  createEventfd().close();
  console.log('loaded');
} catch ({ name, code, message, hint }) {
  console.log(name, message, hint);
}`;

test('a program that opens only mock devices never loads the addon', async (t) => {
  const program = `
    let loads = 0;
    const dlopen = process.dlopen;
    process.dlopen = (...args) => { loads++; dlopen.apply(process, args); };
    const { createEventfd, openDevice } = await import(${JSON.stringify(LIBRARY)});
    const device = await openDevice('mock:edu');
    const buffer = device.dma.allocateSync(4096);
    device.bar(0).map().read32(0);
    device.interrupts.msi.request(0).close();
    buffer.free();
    device.close();
    const before = loads;
    createEventfd().close();
    console.log(before, loads);`;
  t.is(await run(program, [], { VFIO_ADDON: '' }), '0 1\n');
});

test('VFIO_ADDON selects the file of the addon', async (t) => {
  const built = join(root, 'build/Release/vfio.node');
  t.is(await run(LOAD, [], { VFIO_ADDON: built }), 'loaded\n');
  const missing = await run(LOAD, [], { VFIO_ADDON: '/nowhere/vfio.node' });
  t.regex(missing, /^VfioError ENOENT: the native addon of VFIO_ADDON does not load: \/nowhere.+/);
});

test('--no-addons and the permission model refuse the addon with their own errors', async (t) => {
  const refused = await run(LOAD, ['--no-addons']);
  t.regex(refused, /^VfioError EACCES: the option --no-addons of Node.js refuses native addons/);
  t.regex(refused, /Start Node.js without --no-addons\. Mock devices/);
  const [major = 0] = process.versions.node.split('.').map(Number);
  const model = major < 24 ? '--experimental-permission' : '--permission';
  const restricted = await run(LOAD, [model, '--allow-fs-read=*']);
  t.regex(restricted, /^VfioError EACCES: the permission model of Node.js refuses native addons/);
  t.regex(restricted, /Start Node.js with --allow-addons\. Mock devices/);
});

test('Bun, Deno and other systems get ENOTSUP before the addon is loaded', async (t) => {
  for (const [runtime, name] of [
    [`process.versions.bun = '1.4.5'`, 'Bun'],
    [`process.versions.deno = '2.9.6'`, 'Deno'],
    [`Object.defineProperty(process, 'platform', { value: 'darwin' })`, 'darwin'],
  ] as const) {
    const versions = `Object.defineProperty(process, 'versions', { value: { ...process.versions } });`;
    t.regex(
      await run(`${versions}${runtime};${LOAD}`),
      new RegExp(`^VfioError ENOTSUP: a real device needs Node.js on Linux; .+ runs on ${name} `),
    );
  }
});
