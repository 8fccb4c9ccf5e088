// A bounded part of what the long runs do with libFuzzer: the same inputs every time, so that it
// fails for a change alone. The full run has other inputs each time, and sanitizers.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FULL } from '../full.js';
import { compile, root, temporaryFolder } from './helpers.js';

const INPUTS = FULL ? 100_000 : 2_000;

const sources = ['core', 'fuzz'].flatMap((folder) =>
  readdirSync(join(root, 'native', folder))
    .filter((name) => name.endsWith('.cc') && name !== 'libfuzzer.cc')
    .map((name) => `${folder}/${name}`),
);

test('whatever a kernel answers, nothing crashes and no nonsense is taken', (t) => {
  t.timeout(20 * 60_000);
  const program = join(temporaryFolder(), 'fuzz');
  const sanitize = FULL ? ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'] : [];
  compile(program, [...sanitize, '-pthread'], ...sources, 'test/fake_ioctl.cc');
  const seed = String(FULL ? Date.now() : 1);
  // Its own run-time of a sanitizer has to be the first, not one that is preloaded.
  const env = { ...process.env, LD_PRELOAD: '' };
  const options = { encoding: 'utf8', env } as const;
  const { status, stdout, stderr } = spawnSync(program, [String(INPUTS), seed], options);
  t.log(`seed ${seed}: ${stdout.trim()}`);
  t.is(status, 0, stderr);
});
