import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { runInLab } from '../../../lib/lab/index.js';

test('the guest writes the files of the kept folder, and no other file of this machine', async (t) => {
  t.timeout(240_000);
  // The folder is below the current folder, because the guest has a /tmp of its own.
  const outside = join(process.cwd(), 'build', `keep-${process.pid}`);
  const keep = join(outside, "it's kept");
  t.teardown(() => {
    rmSync(outside, { recursive: true });
  });
  mkdirSync(keep, { recursive: true });
  writeFileSync(join(keep, 'changed'), 'before, and longer');
  writeFileSync(join(keep, 'removed'), 'before');
  writeFileSync(join(outside, 'untouched'), 'before');
  const exitCode = await runInLab({
    command: 'sh',
    args: [
      '-ec',
      `cd "$1"
       mkdir new && vfio demo "$VFIO_LAB_EDU" --json >new/demo.json
       echo after >changed && rm removed && mv new/demo.json new/result.json
       echo after >../untouched && cat ../untouched
       exit 3`,
      'sh',
      keep,
    ],
    devices: ['edu'],
    keep,
  }).then((result) => result.exitCode);
  t.is(exitCode, 3);
  t.deepEqual(readdirSync(keep).sort(), ['changed', 'new']);
  t.is(readFileSync(join(keep, 'changed'), 'utf8'), 'after\n');
  const report = JSON.parse(readFileSync(join(keep, 'new/result.json'), 'utf8')) as { ok: boolean };
  t.true(report.ok);
  t.is(statSync(join(keep, 'changed')).uid, process.getuid?.() ?? 0);
  t.is(readFileSync(join(outside, 'untouched'), 'utf8'), 'before');
});
