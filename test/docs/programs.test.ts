import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { capture } from '../cli/in-process.js';
import { FULL } from '../full.js';
import { blocksOf, PAGES, project, expectedOutput } from './blocks.js';

const programs = PAGES.flatMap((page) => blocksOf(page)).filter(
  ({ language }) => language === 'js' || language === 'ts',
);

test('the documentation pages contain programs to test', (t) => {
  t.true(programs.length >= 10);
});

/** Runs a program in a separate process. */
async function runAlone(file: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file]);
  return stdout + stderr;
}

/**
 * Runs a program in this process. This takes a twentieth of the time of a separate process.
 *
 * @param length - the length of the complete output. At this length, the program has ended.
 */
async function runHere(file: string, length: number): Promise<string> {
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  try {
    await import(pathToFileURL(file).href);
    while (stdout.text.length < length && stderr.text === '') await setImmediate();
    return stdout.text + stderr.text;
  } finally {
    stdout.end();
    stderr.end();
  }
}

for (const { page, line, text } of programs) {
  test.serial(`the program of ${page}, line ${line}, prints the documented output`, async (t) => {
    const { folder } = project();
    t.teardown(() => {
      rmSync(folder, { recursive: true });
    });
    const file = join(folder, 'program.mjs');
    writeFileSync(file, text);
    const expected = expectedOutput(text);
    t.is(FULL ? await runAlone(file) : await runHere(file, expected.length), expected);
  });
}
