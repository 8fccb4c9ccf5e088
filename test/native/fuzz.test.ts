// A short run of the fuzz targets. Every short run has the same inputs, so only a change of the
// code can make the test fail. A full run has new inputs and uses sanitizers.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FULL, SEED } from '../full.js';
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
  // No library is preloaded, because the program must load its sanitizer library first.
  const env = { ...process.env, LD_PRELOAD: '' };
  const options = { encoding: 'utf8', env } as const;
  const { status, stdout, stderr } = spawnSync(program, [String(INPUTS), String(SEED)], options);
  t.log(`seed ${SEED}: ${stdout.trim()}`);
  t.is(status, 0, stderr);
});
