import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { writeBuildFile } from '../../lib/cli/build-file.js';
import { temporaryFolder } from '../native/helpers.js';

test('a build leaves nothing beside the folder build', (t) => {
  const root = temporaryFolder();
  const remove = writeBuildFile(root);
  t.regex(readFileSync(join(root, 'binding.gyp'), 'utf8'), /"includes": \["native\/vfio\.gypi"\]/);
  mkdirSync(join(root, 'node-addon-api/deep'), { recursive: true });
  remove();
  t.deepEqual(readdirSync(root), []);
});

test('a clone keeps its own binding.gyp', (t) => {
  const root = temporaryFolder();
  writeFileSync(join(root, 'tsconfig.json'), '{}');
  writeFileSync(join(root, 'binding.gyp'), 'own');
  writeBuildFile(root)();
  t.is(readFileSync(join(root, 'binding.gyp'), 'utf8'), 'own');
});

test('a second build is refused with EBUSY, and the file of a killed build is replaced', (t) => {
  const root = temporaryFolder();
  const file = join(root, 'binding.gyp');
  writeFileSync(file, `# vfio build, process ${process.ppid}\n`);
  const error = t.throws(() => writeBuildFile(root), { code: 'EBUSY' });
  t.regex(error.message, new RegExp(`another vfio build .+: process ${process.ppid}`));
  t.true(existsSync(file));
  for (const left of ['# vfio build, process 4194305\n', '{}\n']) {
    writeFileSync(file, left);
    writeBuildFile(root)();
    t.false(existsSync(file));
  }
});

test('if the folder cannot be written, the error says where else the addon can be built', (t) => {
  const error = t.throws(() => writeBuildFile('/proc/self'), { instanceOf: Error });
  t.like(error, { syscall: 'open', path: '/proc/self/binding.gyp' });
  t.regex(String((error as { hint?: string }).hint), /build in a copy of the package/);
});
