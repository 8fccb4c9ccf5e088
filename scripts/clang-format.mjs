// Checks the formatting of native/ against .clang-format, or formats the files.
//   node scripts/clang-format.mjs          lists the files that differ; fails if a file differs
//   node scripts/clang-format.mjs --fix    formats the files
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const binary = createRequire(import.meta.url)('clang-format').getNativeBinary();
const fix = process.argv[2] === '--fix';

const files = readdirSync(join(root, 'native'), { recursive: true })
  .map((name) => join('native', name))
  .filter((name) => /\.(cc|h)$/.test(name))
  .sort();

const different = files.filter((name) => {
  const before = readFileSync(join(root, name), 'utf8');
  const after = execFileSync(binary, ['--style=file', name], { cwd: root, encoding: 'utf8' });
  if (after === before) return false;
  if (fix) writeFileSync(join(root, name), after);
  return true;
});

for (const name of different) console.error(`${fix ? 'formatted' : 'not formatted'}: ${name}`);
if (!fix && different.length > 0) {
  console.error('run node scripts/clang-format.mjs --fix to format these files');
  process.exitCode = 1;
}
