import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { blocksOf, PAGES, project, expectedOutput } from './blocks.js';

const programs = PAGES.flatMap((page) => blocksOf(page)).filter(
  ({ language }) => language === 'js' || language === 'ts',
);

test('the documentation pages contain programs to test', (t) => {
  t.true(programs.length >= 10);
});

for (const { page, line, text } of programs) {
  test.serial(`the program of ${page}, line ${line}, prints the documented output`, async (t) => {
    const { folder } = project();
    t.teardown(() => {
      rmSync(folder, { recursive: true });
    });
    const file = join(folder, 'program.mjs');
    writeFileSync(file, text);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file]);
    t.is(stderr, '');
    t.is(stdout, expectedOutput(text));
  });
}
