import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(new URL('../../../docs/mock.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```js\n(.*?)^```/gms)].map(([, program = '']) => program);

test('docs/mock.md has programs', (t) => {
  t.true(blocks.length > 0);
});

for (const [i, program] of blocks.entries()) {
  test(`program ${i + 1} of docs/mock.md prints what it says`, async (t) => {
    const said = [...program.matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)].map(
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
