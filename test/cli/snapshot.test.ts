import {
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { vfio } from './vfio.js';

test('snapshot refuses an existing file, and replaces the file with --force', async (t) => {
  const folder = temporaryFolder();
  const path = join(folder, 'card.json');
  writeFileSync(path, 'mine');
  const refused = await vfio(['snapshot', 'mock:edu', path]);
  t.is(refused.code, 1);
  t.is(
    refused.stderr,
    `vfio: EEXIST: file already exists '${path}'\nUse --force to replace the file.\n`,
  );
  t.is(readFileSync(path, 'utf8'), 'mine');
  t.is((await vfio(['snapshot', 'mock:edu', path, '--force'])).code, 0);
  t.is(readFileSync(path, 'utf8'), (await vfio(['snapshot', 'mock:edu'])).stdout);
  t.deepEqual(readdirSync(folder), ['card.json']);
});

test('a new snapshot is complete, and no temporary file is left', async (t) => {
  const folder = temporaryFolder();
  t.is((await vfio(['snapshot', 'mock:edu', join(folder, 'card.json')])).code, 0);
  t.deepEqual(readdirSync(folder), ['card.json']);
  t.is((await vfio(['config', `mock:${join(folder, 'card.json')}`])).code, 0);
});

for (const force of [[], ['--force']]) {
  test(`snapshot leaves links, folders and devices alone ${force.join('')}`, async (t) => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'folder'));
    symlinkSync('nowhere', join(folder, 'link'));
    for (const path of [join(folder, 'folder'), join(folder, 'link'), '/dev/null']) {
      const { code, stderr } = await vfio(['snapshot', 'mock:edu', path, ...force]);
      t.is(code, 1);
      t.regex(stderr, /^vfio: EEXIST: this name belongs to a folder, a device or a link/);
    }
    t.deepEqual(readdirSync(folder).sort(), ['folder', 'link']);
    t.is(readlinkSync(join(folder, 'link')), 'nowhere');
  });
}

test('a folder that does not exist gives a one-line error', async (t) => {
  const { code, stderr } = await vfio(['snapshot', 'mock:edu', '/no/such/folder/card.json']);
  t.is(code, 1);
  t.regex(stderr, /^vfio: ENOENT: [^\n]*\n$/);
});
