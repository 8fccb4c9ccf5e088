import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { root, temporaryFolder } from './helpers.js';

const [major = 0] = process.versions.node.split('.').map(Number);
/** The option that turns on the permission model of Node.js. */
const MODEL = major < 24 ? '--experimental-permission' : '--permission';
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
});

test('if the file of VFIO_ADDON is no addon for this process, the error says why', async (t) => {
  const folder = temporaryFolder();
  const addon = readFileSync(join(root, 'build/Release/vfio.node'));
  const changed = (name: string, change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(addon);
    change(bytes);
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  writeFileSync(join(folder, 'text'), 'text');
  const loop = join(folder, 'loop');
  symlinkSync(loop, loop);
  const otherArch = changed('arch', (bytes) =>
    bytes.writeUInt16LE(process.arch === 's390x' ? 62 : 22, 18),
  );
  const otherLibc = changed('libc', (bytes) => {
    bytes.write('libc.so\0\0\0', bytes.indexOf('libc.so.6\0'), 'latin1');
  });
  const isGlibc = addon.includes('\0libc.so.6\0');
  for (const [path, reason] of [
    [join(folder, 'missing'), 'the file does not exist'],
    [folder, 'not a file'],
    [loop, '.+'],
    [join(folder, 'text'), 'not a shared library'],
    [otherArch, `built for (s390x|x64), but this process runs on ${process.arch}`],
    ...(isGlibc ? [[otherLibc, 'built for musl, but this process uses glibc'] as const] : []),
  ] as const) {
    const said = await run(LOAD, [], { VFIO_ADDON: path });
    const message = `^VfioError ENOENT: the file of VFIO_ADDON does not load: ${path}: ${reason}`;
    t.regex(said, new RegExp(`${message} Unset VFIO_ADDON, or set it to the path`));
  }
});

test('--no-addons and the permission model refuse the addon with their own errors', async (t) => {
  const refused = await run(LOAD, ['--no-addons']);
  t.regex(refused, /^VfioError EACCES: the option --no-addons of Node.js refuses native addons/);
  t.regex(refused, /Start Node.js without --no-addons\. To open a mock device/);
  const restricted = await run(LOAD, [MODEL, '--allow-fs-read=*']);
  t.regex(restricted, /^VfioError EACCES: the permission model of Node.js refuses native addons/);
  t.regex(restricted, /Start Node.js with --allow-addons\. To open a mock device/);
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
      new RegExp(`^VfioError ENOTSUP: a real device or a .+ Node.js on Linux; .+ runs on ${name} `),
    );
  }
});

/** Runs `vfio` with options of Node.js. Returns standard error, or standard output of a success. */
async function vfio(options: readonly string[], line: readonly string[]): Promise<string> {
  const main = join(root, 'dist/lib/cli/main.js');
  try {
    return (await promisify(execFile)(process.execPath, [...options, main, ...line])).stdout;
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

test('on another system, the commands for real devices say that they need Linux', async (t) => {
  const code = `Object.defineProperty(process, 'platform', { value: 'darwin' })`;
  const options = [`--import=data:text/javascript,${encodeURIComponent(code)}`];
  for (const line of [
    ['doctor'],
    ['bind', '0000:01:00.0'],
    ['release', '0000:01:00.0'],
    ['build'],
    ['lab', '--', 'true'],
  ]) {
    const pattern = /^vfio: ENOTSUP: .+ needs? Node\.js on Linux; this program runs on darwin\n/;
    t.regex(await vfio(options, line), pattern, line.join(' '));
  }
  t.regex(await vfio(options, ['info', 'mock:edu']), /mock:edu/);
});

test('if the permission model refuses sysfs, the error says so', async (t) => {
  const options = [MODEL, '--allow-addons', `--allow-fs-read=${root}*`];
  for (const line of [['list'], ['doctor'], ['info', '0000:00:00.0']]) {
    t.regex(
      await vfio(options, line),
      /vfio: EACCES: the permission model of Node.js refuses to read the file .*\nA real device needs --allow-addons, and --allow-fs-read/,
      line.join(' '),
    );
  }
  t.regex(await vfio(options, ['info', 'mock:edu']), /mock:edu/);
});
