import { readFileSync } from 'node:fs';
import test from 'ava';
import { masks } from '../differential/masks.js';

test('docs/mock.md lists every mask of test/differential/masks.ts with its reason', (t) => {
  const text = readFileSync(new URL('../../../docs/mock.md', import.meta.url), 'utf8');
  const part = text.slice(text.indexOf('## Differences that are masked'));
  const rows = [...part.matchAll(/^\| `(.+?)` +\| (.+?) +\|$/gm)];
  t.deepEqual(
    rows.map(([, name, reason]) => ({ name, reason })),
    masks.map(({ name, reason }) => ({ name, reason })),
  );
  t.regex(part, new RegExp(`masks ${masks.length} things`));
});
