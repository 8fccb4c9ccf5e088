import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { runProgram } from './run-program.js';

/** The program writes a file of more than 2 KiB within the first 100 accesses. */
const FULL = { fileBlocks: 4 };

test('a full disk stops the recorder; the program continues and the record is complete lines', async (t) => {
  const expected = await runProgram('accesses', ['200']);
  const record = join(temporaryFolder(), 'record');
  const { code, stdout, stderr } = await runProgram('accesses', ['200'], {
    ...FULL,
    env: { VFIO_RECORD: record },
  });
  t.is(code, 0);
  t.is(stdout, expected.stdout);
  t.is(
    stderr,
    `vfio: VFIO_RECORD stopped: EFBIG: file too large, write. The record ends here: ${record}\n`,
  );
  const text = readFileSync(record, 'utf8');
  t.true(text.length > 1000);
  t.true(text.endsWith('}\n'));
});

test('a full disk stops the tracer; the program continues and the file gives the reason', async (t) => {
  const expected = await runProgram('accesses', ['200']);
  const folder = temporaryFolder();
  const { code, stdout, stderr } = await runProgram('accesses', ['200'], {
    ...FULL,
    env: { VFIO_TRACE: folder },
  });
  t.is(code, 0);
  t.is(stdout, expected.stdout);
  const [name = ''] = readdirSync(folder);
  const path = join(folder, name);
  t.is(
    stderr,
    `vfio: VFIO_TRACE stopped: EFBIG: file too large, write. The trace ends here: ${path}\n`,
  );
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const values = lines.map((line) => JSON.parse(line) as unknown);
  t.deepEqual(values[1], { type: 'stop', reason: 'EFBIG: file too large, write' });
});

test('if the disk is full from the start, the program continues and nothing is kept', async (t) => {
  const folder = temporaryFolder();
  for (const name of ['VFIO_RECORD', 'VFIO_TRACE']) {
    const { code, stderr } = await runProgram('accesses', ['5'], {
      fileBlocks: 0,
      env: { [name]: join(folder, name) },
    });
    t.is(code, 0);
    t.regex(stderr, new RegExp(`^vfio: ${name} stopped: EFBIG: [^\n]*\n$`));
  }
});
