import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Pages whose programs are whole: they run as they are. */
const PAGES = ['docs/mock.md', 'docs/ims.md', 'docs/messages.md'];

const programs = PAGES.flatMap((page) => {
  const blocks = readFileSync(`${root}/${page}`, 'utf8').matchAll(/^```js\n(.*?)^```/gms);
  return [...blocks].map(
    ([, program = ''], i) => [`program ${i + 1} of ${page}`, program] as const,
  );
});

test('each page has programs', (t) => {
  for (const page of PAGES) t.true(programs.some(([name]) => name.endsWith(page)));
});

for (const [name, program] of programs) {
  test(`${name} prints what it says`, async (t) => {
    const said = [...program.matchAll(/console\.log\(.*\)[;,] \/\/ (.*)$/gm)].map(
      ([, text]) => text,
    );
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { cwd: root },
    );
    t.is(stdout, said.map((text) => `${text ?? ''}\n`).join(''));
  });
}
