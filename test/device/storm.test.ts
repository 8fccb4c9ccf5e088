// Vectors are opened and closed while threads signal them. Interrupts must not be lost, and a
// closed vector must not get an interrupt.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { FULL, SEED } from '../full.js';
import { compile, nodeApi, temporaryFolder } from '../native/helpers.js';
import type { StormResult } from './storm.js';

const PROGRAM = fileURLToPath(new URL('storm.js', import.meta.url));
const VECTORS = FULL ? [1, 64, 2048] : [1, 2048];
const MODES = ['loop', 'poller'] as const;
/** Number of signals in one run. At full length, the six runs send 10 million signals together. */
const SIGNALS = FULL ? 1_666_667 : 20_000;

const storm = join(temporaryFolder(), 'storm.node');

test.before(() => {
  const flags = ['-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-pthread', '-I', nodeApi];
  compile(storm, flags, 'test/storm.cc');
});

for (const vectors of VECTORS) {
  for (const mode of MODES) {
    test.serial(`${vectors} vectors (${mode}): no vector loses its last signal`, async (t) => {
      t.timeout(600_000);
      t.log(`seed ${SEED}`);
      const args = [PROGRAM, storm, vectors, SIGNALS, mode, SEED].map(String);
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const result = JSON.parse(stdout) as StormResult;
      t.log(result);
      t.like(result, { lost: 0, afterClose: 0, spurious: 0 });
      t.is(result.uncaught, result.thrown);
      for (const done of ['deliveries', 'thrown', 'opened', 'closed'] as const) {
        t.true(result[done] > 0, done);
      }
    });
  }
}
