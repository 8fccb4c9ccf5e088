import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { programPath, runProgram } from './run-program.js';

test('the trace of a terminated worker contains the calls of the worker', async (t) => {
  const folder = temporaryFolder();
  const { code, stderr } = await runProgram('terminated', [], { env: { VFIO_TRACE: folder } });
  t.is(code, 0);
  t.is(stderr, '');
  const [name = ''] = readdirSync(folder);
  t.regex(readFileSync(join(folder, name), 'utf8'), /"device":"mock:edu"/);
});

test('if the watching thread never answers, the program gets each signal and one line says so', async (t) => {
  const { code, stdout, stderr } = await runProgram('watched', [], {
    env: { NODE_OPTIONS: `--import=${programPath('slow-watcher')}` },
  });
  t.is(code, 0, stderr);
  t.is(stdout, 'total 3, left 3\ntotal 3, left 0\n');
  t.is(
    stderr,
    'vfio: VFIO_TRACE: the thread that watches the eventfds did not answer within 2000 ms. ' +
      'The trace continues, but lacks the arrival times of some interrupts.\n',
  );
});

test('if the watching thread answers, the program gets each signal', async (t) => {
  const { code, stdout, stderr } = await runProgram('watched', []);
  t.is(code, 0, stderr);
  t.is(stdout, 'total 3, left 3\ntotal 3, left 0\n');
});
