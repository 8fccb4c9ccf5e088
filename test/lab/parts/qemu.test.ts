import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { VfioError } from 'vfio';
import { runInLab } from 'vfio/lab';
import { findQemu } from '../../../lib/lab/qemu.js';
import { temporaryFolder } from '../../native/helpers.js';

const cache = temporaryFolder();
process.env.XDG_CACHE_HOME = cache;
const stored = join(cache, 'vfio/qemu/debian');
const CURE = /--qemu debian downloads a newer QEMU/;

const find = (choice: string | undefined, vfioUser = false, signal?: AbortSignal) =>
  findQemu(choice, { arch: 'x64', vfioUser, signal, report: () => undefined });

/** Writes a shell script, and returns its path. */
function program(name: string, script: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

/**
 * A QEMU that only prints its version and its machine. With `device`, the QEMU has the device
 * vfio-user-pci.
 */
const fakeQemu = (version: string, device = '', machine = 'q35') =>
  program(
    'qemu-system-x86_64',
    `case $1 in
--version) echo 'QEMU emulator version ${version} (Test)' ;;
-machine) echo 'none empty machine'; echo '${machine}    a machine' ;;
*) echo '${device}' ;;
esac`,
  );

/** Runs a function while the programs of a folder replace the machine's programs. */
async function withPath<T>(path: string, run: () => Promise<T>): Promise<T> {
  const { PATH } = process.env;
  process.env.PATH = `${join(path, '..')}:${PATH ?? ''}`;
  try {
    return await run();
  } finally {
    process.env.PATH = PATH;
  }
}

/** Stores a QEMU without content in the cache. */
function storeQemu(): string {
  const linker = join(stored, 'usr/lib64/ld-linux-x86-64.so.2');
  mkdirSync(join(linker, '..'), { recursive: true });
  writeFileSync(linker, '');
  return linker;
}

test('a path that is not an executable QEMU is refused, and the hint names --qemu debian', async (t) => {
  const plain = join(temporaryFolder(), 'plain');
  writeFileSync(plain, '');
  chmodSync(plain, 0o644);
  for (const [path, code, message] of [
    ['/nonexistent/qemu', 'ENOENT', /no QEMU '\/nonexistent\/qemu'/],
    [temporaryFolder(), 'EINVAL', /is not a regular file/],
    [plain, 'EACCES', /is not executable/],
    [program('other', 'echo QEMU'), 'EINVAL', /is not QEMU/],
    [program('broken', 'exit 1'), 'EINVAL', /is not QEMU/],
  ] as const) {
    const error = await t.throwsAsync<VfioError>(find(path), { code, message }, path);
    t.regex(error.hint ?? '', CURE);
  }
});

test('a guest with served devices needs a QEMU that has the device vfio-user-pci', async (t) => {
  const old = fakeQemu('7.2.22');
  t.is((await find(old)).file, old);
  const error = await t.throwsAsync<VfioError>(find(old, true), {
    code: 'ENODEV',
    message: /^ENODEV: QEMU 7\.2\.22 has no device vfio-user-pci/,
  });
  t.regex(error.hint ?? '', CURE);
  const recent = fakeQemu('10.1.0', 'vfio-user-pci options:');
  t.is((await find(recent, true)).file, recent);
});

test('a QEMU without the machine of the guest is refused', async (t) => {
  const needs = { vfioUser: false, report: () => undefined };
  const [x86, arm] = [fakeQemu('7.2.22'), fakeQemu('7.2.22', '', 'virt')];
  t.is((await findQemu(arm, { ...needs, arch: 'arm64' })).file, arm);
  for (const [path, arch, machine, name] of [
    [x86, 'arm64', 'virt', 'qemu-system-aarch64'],
    [arm, 'x64', 'q35', 'qemu-system-x86_64'],
  ] as const) {
    const error = await t.throwsAsync<VfioError>(findQemu(path, { ...needs, arch }), {
      code: 'EINVAL',
      message: `EINVAL: the QEMU has no machine '${machine}', which a guest for ${arch} needs '${path}'`,
    });
    t.regex(error.hint ?? '', new RegExp(`the path of ${name}\\.`));
  }
});

test.serial(
  'the machine’s QEMU is used if the guest can use it, and otherwise Debian’s',
  async (t) => {
    const linker = storeQemu();
    const old = fakeQemu('7.2.22');
    t.is((await withPath(old, () => find(undefined))).file, old);
    const { file, args, env } = await withPath(old, () => find(undefined, true));
    t.is(file, linker);
    t.is(
      args.find((argument) => argument.endsWith('qemu-system-x86_64')),
      join(stored, 'usr/bin/qemu-system-x86_64'),
    );
    t.is(env.QEMU_MODULE_DIR, join(stored, 'usr/lib/x86_64-linux-gnu/qemu'));
    t.is((await find('debian')).file, linker);
    const recent = fakeQemu('11.1.3', 'vfio-user-pci options:');
    t.is((await withPath(recent, () => find(undefined, true))).file, recent);
  },
);

test.serial(
  'an incomplete QEMU in the cache gives an error that names the folder to delete',
  async (t) => {
    rmSync(storeQemu());
    const error = await t.throwsAsync<VfioError>(find('debian'), { code: 'EINVAL' });
    t.is(error.hint, `Delete ${stored}: the program is then downloaded again.`);
  },
);

test.serial(
  'a failed download gives an error with the reason of apt, and leaves no files',
  async (t) => {
    rmSync(stored, { recursive: true, force: true });
    const apt = program('apt-get', "echo 'E: Failed to fetch: no route to host' >&2; exit 100");
    const error = await t.throwsAsync<VfioError>(
      withPath(apt, () => find('debian')),
      {
        code: 'ENOENT',
        message: /^ENOENT: Debian's QEMU cannot be downloaded: /,
      },
    );
    if (!existsSync('/etc/apt')) t.log('the machine has no apt');
    else t.regex(error.message, /Failed to fetch: no route to host|contains no source of Debian/);
    t.regex(error.hint ?? '', /--qemu/);
    t.false(existsSync(stored));
  },
);

test.serial('aborting the signal ends the download of QEMU', async (t) => {
  rmSync(stored, { recursive: true, force: true });
  const apt = program('apt-get', 'exec sleep 60');
  const abort = new AbortController();
  const reason = new Error('enough');
  await withPath(apt, async () => {
    const downloading = find('debian', false, abort.signal);
    await sleep(200);
    abort.abort(reason);
    const started = performance.now();
    const error = await t.throwsAsync(downloading);
    if (!existsSync('/etc/apt')) t.log('the machine has no apt');
    else if (!error.message.includes('no source of Debian')) t.is(error, reason);
    t.true(performance.now() - started < 10_000);
  });
});

test('runInLab() refuses a QEMU that is too old for served devices before it starts a guest', async (t) => {
  const options = { command: 'true', kernel: '/nonexistent', serve: ['mock:nvme'] };
  await t.throwsAsync(runInLab({ ...options, qemu: fakeQemu('7.2.22') }), { code: 'ENODEV' });
});
