import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { VfioError } from 'vfio';
import { runInLab } from 'vfio/lab';
import { findKernel } from '../../../lib/lab/kernels.js';
import { temporaryFolder } from '../../native/helpers.js';
import { fakeArm64Image, RELEASE, writeKernel } from './fake-kernel.js';

const cache = temporaryFolder();
process.env.XDG_CACHE_HOME = cache;
const stored = join(cache, 'vfio/kernels/debian-6.12');

const find = (choice: string, modules: readonly string[] = [], signal?: AbortSignal) =>
  findKernel(choice, { arch: 'x64', modules, report: () => undefined, signal });

/** Stores a kernel in the cache. The kernel's package contains more modules than the cache. */
function storeKernel(): string {
  const { modules } = writeKernel(stored, {});
  const unpacked = temporaryFolder();
  writeKernel(unpacked, { 'dm-mod': ['depends=dax'], dax: [], nvme: [] });
  buildPackage(unpacked, join(stored, 'package.deb'));
  return modules;
}

/** Builds a Debian package with the files of a folder. */
function buildPackage(folder: string, path: string): void {
  mkdirSync(join(folder, 'DEBIAN'));
  const fields = ['Package: test', 'Version: 1', 'Architecture: all', 'Maintainer: test'];
  writeFileSync(join(folder, 'DEBIAN/control'), [...fields, 'Description: test', ''].join('\n'));
  execFileSync('dpkg-deb', ['--build', folder, path]);
}

test.serial('modules missing in the cache are unpacked only once', async (t) => {
  const modules = storeKernel();
  const kernel = await find('debian-6.12', ['dm-mod']);
  t.is(kernel.release, RELEASE);
  t.deepEqual(
    kernel.modules.further.map(({ name }) => name),
    ['dax', 'dm_mod'],
  );
  t.true(existsSync(join(modules, 'dm_mod.ko')));
  t.false(existsSync(join(modules, 'nvme.ko')));
  // The modules come from the cache, so the package is not read again.
  truncateSync(join(stored, 'package.deb'));
  t.is((await find('debian-6.12', ['dm-mod'])).modules.further.length, 2);
});

test.serial('modules are unpacked from a kernel that is split into several packages', async (t) => {
  rmSync(stored, { recursive: true, force: true });
  writeKernel(stored, {});
  const whole = temporaryFolder();
  const { image, modules } = writeKernel(whole, { nvme: [] });
  const [binary, others] = [temporaryFolder(), temporaryFolder()];
  const place = (folder: string) => join(folder, 'usr/lib/modules');
  mkdirSync(join(place(binary), RELEASE), { recursive: true });
  mkdirSync(place(others), { recursive: true });
  renameSync(image, join(place(binary), RELEASE, 'vmlinuz'));
  renameSync(modules, join(place(others), RELEASE));
  buildPackage(binary, join(stored, 'linux-binary.deb'));
  buildPackage(others, join(stored, 'linux-modules.deb'));
  const kernel = await find('debian-6.12', ['nvme']);
  t.is(kernel.modules.further.length, 1);
});

test.serial(
  'if a kernel has no module of the given name, the error names the module',
  async (t) => {
    const modules = storeKernel();
    const message = "ENOENT: the kernel debian-6.12 has no module 'nonsense'";
    await t.throwsAsync(find('debian-6.12', ['nonsense']), { message });
    // If the cache has a list of the modules, the package is not unpacked.
    writeFileSync(join(modules, 'modules.order'), 'kernel/drivers/md/dm-mod.ko\n');
    truncateSync(join(stored, 'package.deb'));
    await t.throwsAsync(find('debian-6.12', ['nonsense']), { message });
  },
);

test.serial(
  'a damaged package in the cache gives an error that names the folder to delete',
  async (t) => {
    rmSync(stored, { recursive: true });
    storeKernel();
    truncateSync(join(stored, 'package.deb'), 100);
    const error = await t.throwsAsync<VfioError>(find('debian-6.12', ['nvme']), {
      code: 'EINVAL',
      message: /the kernel package cannot be unpacked: .*package\.deb'$/,
    });
    t.is(error.hint, `Delete ${stored}: the lab then downloads the kernel again.`);
  },
);

test.serial(
  'a damaged image in the cache gives an error that names the folder to delete',
  async (t) => {
    const { image } = writeKernel(stored, {});
    for (const [size, message] of [
      [3000, /the kernel image is incomplete: 3000 of 4160 bytes/],
      [0, /the file is not an x86 bzImage/],
    ] as const) {
      truncateSync(image, size);
      const error = await t.throwsAsync<VfioError>(find('debian-6.12'), {
        code: 'EINVAL',
        message,
      });
      t.is(error.hint, `Delete ${stored}: the lab then downloads the kernel again.`);
    }
  },
);

test('a kernel that is given by its path uses the modules next to it in the unpacked package', async (t) => {
  const { image } = writeKernel(temporaryFolder(), { nvme: [] });
  const { modules } = await find(image, ['nvme', 'overlay']);
  t.deepEqual(
    modules.further.map(({ name }) => name),
    ['nvme'],
  );
  const alone = join(temporaryFolder(), 'bzImage');
  copyFileSync(image, alone);
  await t.throwsAsync(find(alone, ['nvme']), {
    code: 'ENOENT',
    message: `ENOENT: the kernel ${alone} has no module 'nvme'`,
  });
});

test('a kernel for arm64 uses the modules next to it, and is never a kernel of this machine', async (t) => {
  const options = {
    arch: 'arm64',
    modules: ['nvme'],
    report: () => undefined,
    signal: undefined,
  } as const;
  const { image } = writeKernel(temporaryFolder(), { nvme: [] }, fakeArm64Image());
  const kernel = await findKernel(image, options);
  t.is(kernel.release, RELEASE);
  t.is(kernel.modules.further.length, 1);
  await t.throwsAsync(findKernel('/nonexistent', options), {
    code: 'ENOENT',
    message: /pass the path of an arm64 Image, or one of debian-6\.12, .*debian-6\.12-16k$/,
  });
  await t.throwsAsync(find('/nonexistent'), {
    code: 'ENOENT',
    message: /pass the path of an x86 bzImage, or one of debian-6\.12, debian-6\.1, debian-newest$/,
  });
});

test.serial('the cache has a folder for each architecture of a kernel', async (t) => {
  const options = {
    arch: 'arm64',
    modules: [],
    report: () => undefined,
    signal: undefined,
  } as const;
  storeKernel();
  const { image } = writeKernel(`${stored}-arm64`, {}, fakeArm64Image());
  t.is((await findKernel('debian-6.12', options)).image, image);
  t.not((await find('debian-6.12')).image, image);
  truncateSync(image, 100);
  const error = await t.throwsAsync<VfioError>(findKernel('debian-6.12', options));
  t.is(error.hint, `Delete ${stored}-arm64: the lab then downloads the kernel again.`);
});

test('the lab refuses a FIFO as a kernel', async (t) => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  await t.throwsAsync(find(path), {
    code: 'EINVAL',
    message: `EINVAL: the kernel image is not a regular file '${path}'`,
  });
});

test.serial('aborting the signal ends the download of a kernel', async (t) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'apt-get'), '#!/bin/sh\nexec sleep 60\n');
  chmodSync(join(folder, 'apt-get'), 0o755);
  const { PATH } = process.env;
  process.env.PATH = `${folder}:${PATH ?? ''}`;
  const abort = new AbortController();
  const reason = new Error('enough');
  const downloading = find('debian-6.1', [], abort.signal);
  await sleep(200);
  abort.abort(reason);
  const started = performance.now();
  const error = await t.throwsAsync(downloading);
  process.env.PATH = PATH;
  if (!existsSync('/etc/apt')) t.log('the machine has no apt');
  else t.is(error, reason);
  t.true(performance.now() - started < 10_000);
});

test('runInLab() with an aborted signal starts no program', async (t) => {
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  t.is(await t.throwsAsync(runInLab({ command: 'true', signal })), reason);
});
