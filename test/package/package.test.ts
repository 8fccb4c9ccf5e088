import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { root, tarball } from './consumer.js';

const exec = promisify(execFile);
const listing = await exec('tar', ['tzf', tarball], { maxBuffer: 2 ** 24 });
const files = listing.stdout
  .trim()
  .split('\n')
  .map((path) => path.replace('package/', ''));

test('the package contains only files of the allowed kinds', (t) => {
  const allowed =
    /^(dist\/lib\/.+\.(js|d\.ts)|dist\/lib\/bundle-[a-z-]+\.mjs|native\/(addon|core)\/[^/]+\.(cc|h)|assets\/trace\/[^/]+|assets\/registers\.schema\.json|docs\/[^/]+\.(md|svg)|docs\/api\/.+\.md|examples\/.+(\.ts|\.registers\.json)|prebuilds\/linux-(x64|arm64)\/vfio\.(glibc|musl)\.node|native\/vfio\.gypi|package\.json|README\.md|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md|LICENSE)$/;
  t.deepEqual(
    files.filter((file) => !allowed.test(file)),
    [],
  );
  const { sources } = (
    JSON.parse(readFileSync(join(root, 'native/vfio.gypi'), 'utf8').replace(/^\s*#.*$/gm, '')) as {
      targets: [{ sources: string[] }];
    }
  ).targets[0];
  const prebuilt = ['x64', 'arm64'].flatMap((arch) =>
    ['glibc', 'musl'].map((libc) => `prebuilds/linux-${arch}/vfio.${libc}.node`),
  );
  const built = sources.map((source) => `native/${source}`);
  for (const file of [...built, ...prebuilt, 'dist/lib/cli/main.js'])
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

test('the API reference has a page for each function and class of the entry points', async (t) => {
  for (const entry of ['index', 'mock', 'lab/index']) {
    const exported = (await import(join(root, `dist/lib/${entry}.js`))) as Record<string, unknown>;
    const names = Object.keys(exported).filter((name) => typeof exported[name] === 'function');
    t.true(names.length > 0);
    // The pages of `vfio/mock` link to the page of a function that `vfio` exports too.
    const isPage = (file: string, name: string) =>
      file.startsWith('docs/api/vfio/') && file.endsWith(`/${name}.md`);
    const missing = names.filter((name) => !files.some((file) => isPage(file, name)));
    t.deepEqual(missing, [], entry);
  }
});

test('publint and attw report no problem', async (t) => {
  const publint = join(root, 'node_modules/.bin/publint');
  await t.notThrowsAsync(exec(publint, ['run', '--strict', tarball]));
  const attw = join(root, 'node_modules/.bin/attw');
  await t.notThrowsAsync(exec(attw, ['--profile', 'esm-only', tarball]));
});
