// A short run of the fuzz targets. The inputs are the same in every short run, so only a change of
// the code can make the test fail. The full run uses new inputs each time and runs with sanitizers.
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

test('no fuzz target crashes or reports a wrong result', (t) => {
  t.timeout(20 * 60_000);
  const program = join(temporaryFolder(), 'fuzz');
  const sanitize = FULL ? ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'] : [];
  compile(program, [...sanitize, '-pthread'], ...sources, 'test/fake_ioctl.cc');
  const seed = String(FULL ? Date.now() : 1);
  // The sanitizer library of the program must be loaded first, so no library is preloaded.
  const env = { ...process.env, LD_PRELOAD: '' };
  const options = { encoding: 'utf8', env } as const;
  const { status, stdout, stderr } = spawnSync(program, [String(INPUTS), seed], options);
  t.log(`seed ${seed}: ${stdout.trim()}`);
  t.is(status, 0, stderr);
});
