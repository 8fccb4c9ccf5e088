import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { compile, root, temporaryFolder } from './helpers.js';

test('the unit tests of native/core pass', (t) => {
  t.timeout(120_000);
  const core = readdirSync(join(root, 'native/core')).filter((name) => name.endsWith('.cc'));
  const program = join(temporaryFolder(), 'core-test');
  compile(
    program,
    ['-Wall', '-Wextra', '-Werror'],
    ...core.map((name) => `core/${name}`),
    'test/core_test.cc',
    'test/fake_ioctl.cc',
  );
  const { status, stdout } = spawnSync(program, { encoding: 'utf8' });
  t.log(stdout.trimEnd());
  t.is(status, 0);
  t.regex(stdout, /^ok hostile capability chains$/m);
});
