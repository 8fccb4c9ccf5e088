import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readLines } from '../../../lib/observe/trace/read-lines.js';
import { temporaryFolder } from '../../native/helpers.js';

test('an incomplete last line and damaged lines are skipped', (t) => {
  const path = join(temporaryFolder(), 'trace');
  writeFileSync(path, '{"type":"start"}\nnull    \n[1,2,3]\n{"type":\n[4]\n[5');
  t.deepEqual([...readLines(path)] as unknown[], [{ type: 'start' }, [1, 2, 3], [4]]);
});

test('lines longer than the buffer, and characters at its edge, are read', (t) => {
  const path = join(temporaryFolder(), 'trace');
  const long = 'µ'.repeat(400_000);
  writeFileSync(path, '');
  for (const text of ['a', long, 'b', long]) appendFileSync(path, `${JSON.stringify([text])}\n`);
  const texts = [...readLines(path)].map((line) => (line as unknown as string[])[0]);
  t.deepEqual(
    texts.map((text) => text?.length),
    [1, 400_000, 1, 400_000],
  );
  t.is(texts[3], long);
});

test('an empty file has no lines', (t) => {
  const path = join(temporaryFolder(), 'trace');
  writeFileSync(path, '');
  t.deepEqual([...readLines(path)], []);
});
