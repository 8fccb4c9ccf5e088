import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { blocksOf, isGuest, PAGES, project, root } from './blocks.js';

/**
 * The device address that the pages use as an example. The tests replace this address by a mock
 * device or by a device of the lab.
 */
const CARD = /\b(0000:)?01:00\.0\b/g;
const HARDWARE = 'docs/hardware.md';

const blocks = PAGES.flatMap((page) => blocksOf(page)).filter(({ language }) => language === 'sh');
const isNpm = (line: string) => line.startsWith('npm ');
/**
 * Whether a line runs a script of the source tree. The tests skip these scripts, because the build
 * that a script starts takes many minutes.
 */
const isScript = (line: string) => line.startsWith('scripts/');

test('the documentation pages contain commands to test', (t) => {
  t.true(blocks.length >= 5);
});

for (const { page, line, text, output } of blocks) {
  const lines = text.split('\n').filter((one) => !isGuest(one) && !isNpm(one) && !isScript(one));
  if (page === HARDWARE || lines.every((one) => one === '')) continue;
  test.serial(`the commands of ${page}, line ${line}, print the documented output`, async (t) => {
    const { folder, env } = project();
    t.teardown(() => {
      rmSync(folder, { recursive: true });
    });
    const script = lines.join('\n').replaceAll(CARD, 'mock:edu');
    const ran = promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder,
      env,
    });
    const { stdout } = await ran;
    if (output !== null) t.is(stdout, output);
    t.pass();
  });
}

test('every script that a page names exists', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = blocks.flatMap(({ text }) => text.split('\n').filter(isNpm));
  t.true(named.length > 0);
  for (const line of named) {
    const [, run, script = ''] = /^npm (run )?([\w:-]+)/.exec(line) ?? [];
    t.true(run !== undefined || script === 'start' || script === 'test', line);
    t.true(script in scripts, line);
  }
  for (const line of blocks.flatMap(({ text }) => text.split('\n').filter(isScript))) {
    t.true(existsSync(join(root, line.split(' ')[0] ?? '')), line);
  }
});
