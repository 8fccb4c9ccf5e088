import { execFile } from 'node:child_process';
import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { Terminal } from '../../cli/terminal.js';
import { blocksOf, isGuest, PAGES, project, root } from '../../docs/blocks.js';
import { FULL } from '../../full.js';

const NOVIRT = 'bzImage-6.12-novirt';
const ARM64_ADDON = 'prebuilds/linux-arm64/vfio.glibc.node';
const novirt = process.env.VFIO_LAB_NOVIRT_KERNEL ?? '';

/** Whether a line runs the test suite, which scripts/test-lab.mjs already runs on every kernel. */
const isSuite = (line: string) => / -- ava\b/.test(line);

/** Selects one line for each option of `vfio lab`, because a guest needs up to half a minute. */
function onePerOption(all: readonly string[]): string[] {
  const seen = new Set<string>();
  return all.filter((line) => {
    const [, own = ''] = line.split(/\bvfio lab\b/);
    // The empty text stands for the line without an option.
    const options = ['', ...(own.split(' -- ')[0]?.match(/--[a-z]+/g) ?? [])];
    const isNew = options.some((option) => !seen.has(option));
    for (const option of options) seen.add(option);
    return isNew;
  });
}

const blocks = PAGES.flatMap((page) => blocksOf(page));
const lines = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.split('\n'))
  .map((line) => line.replace(/ +# .*/, ''))
  .filter((line) => isGuest(line) && !isSuite(line));

const [driver] = blocksOf('README.md').filter(({ language }) => language === 'js');
const { folder, env } = project();
writeFileSync(join(folder, 'driver.js'), driver?.text ?? '');
if (existsSync(novirt)) symlinkSync(novirt, join(folder, NOVIRT));

test.after.always(() => {
  rmSync(folder, { recursive: true });
});

test('the documentation pages contain lines that start guests', (t) => {
  t.true(lines.length >= 5);
});

const distinct = [...new Set(lines)];
for (const line of FULL ? distinct : onePerOption(distinct)) {
  test.serial(`the command line from a page works: ${line}`, async (t) => {
    if (line.includes(NOVIRT) && !existsSync(novirt)) {
      t.log(`skipped: VFIO_LAB_NOVIRT_KERNEL names no ${NOVIRT}`);
      t.pass();
    } else if (line.includes('--arch arm64') && !existsSync(join(root, ARM64_ADDON))) {
      t.log('skipped: node scripts/prebuild.mjs built no addon for arm64');
      t.pass();
    } else if (line.includes('--shell')) {
      const command = ['bash', '-euc', `cd '${folder}'; ${line}`];
      const terminal = new Terminal(command, { rows: 24, columns: 80 }, env);
      await terminal.until((text) => text.endsWith('# '));
      terminal.type('vfio list --json | grep -c ready; exit 3\r');
      const { code, restored } = await terminal.end();
      t.deepEqual([code, restored], [3, true]);
    } else {
      const { stdout } = await promisify(execFile)('bash', ['-euc', line], { cwd: folder, env });
      t.not(stdout, '');
    }
  });
}
