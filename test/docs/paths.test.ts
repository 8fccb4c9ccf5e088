import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'ava';
import { root } from '../rooms.js';
import { PAGES } from './blocks.js';

const FOLDERS = 'assets|bench|docs|examples|lib|native|scripts|test';
/** Folders that are not in the source tree, because a command creates the folders. */
const MADE = ['bench/results', 'docs/api/README.md'];
/**
 * Matches a path in backticks: a path alone (`lib/pci/`) or a path in a command (`node
 * scripts/check.mjs`).
 */
const QUOTED = new RegExp(`(?<![\\w./-])(?:${FOLDERS})/[\\w./*{},-]*`, 'g');

/** Returns the text of a page without the code blocks. */
function proseOf(page: string): string {
  return readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');
}

function quotedPaths(page: string): string[] {
  return [...proseOf(page).matchAll(/`([^`]+)`/g)].flatMap(([, text = '']) =>
    [...text.matchAll(QUOTED)].map(([path]) => path),
  );
}

/** Returns the anchor that GitHub gives to a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(' ', '-');
}

function anchorsOf(page: string): string[] {
  const prose = proseOf(page);
  const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => anchorOf(text));
  return [...headings, ...[...prose.matchAll(/<a id="(.+?)">/g)].map(([, id = '']) => id)];
}

/**
 * Whether a path exists. If the file name in the path is a placeholder, only the folder must exist.
 */
function exists(path: string): boolean {
  const [fixed = ''] = path.split(/[*{]/, 1);
  return existsSync(join(root, fixed === path ? path : dirname(`${fixed}x`)));
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : normalize(join(dirname(page), path));
  return existsSync(join(root, file)) && (anchor === undefined || anchorsOf(file).includes(anchor));
}

for (const page of [...PAGES, 'CHANGELOG.md', 'SECURITY.md']) {
  test(`every path that ${page} names exists`, (t) => {
    const missing = quotedPaths(page).filter((path) => !MADE.includes(path) && !exists(path));
    t.deepEqual(missing, []);
  });

  test(`every link of ${page} leads to a file and a heading`, (t) => {
    const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const inside = links.filter((target) => !/^[a-z]+:/.test(target));
    t.deepEqual(
      inside.filter((target) => !leadsSomewhere(page, target)),
      [],
    );
  });
}
