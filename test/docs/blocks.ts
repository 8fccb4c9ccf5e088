import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A code block of a page, with the output block that directly follows the code block. */
export interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /**
   * The text of the output block, which has no language and directly follows this block. Null if
   * there is no output block.
   */
  readonly output: string | null;
}

/** The pages whose code blocks are tested. */
export const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Whether a line starts a guest. The tests in test/lab/host run the lines that start guests. */
export const isGuest = (line: string): boolean => /\bvfio lab\b/.test(line);

const FENCED = /^```(\w*)\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?/gms;

export function blocksOf(page: string): Block[] {
  const source = readFileSync(join(root, page), 'utf8');
  return [...source.matchAll(FENCED)].map((match) => {
    const [, language = '', text = '', output = null] = match;
    return { page, line: source.slice(0, match.index).split('\n').length, language, text, output };
  });
}

/** Returns the output that the comments after `console.log` state. */
export function expectedOutput(program: string): string {
  const said = [...program.matchAll(/console\.log\(.*\)[;,] \/\/ (.*)$/gm)];
  return said.map(([, text = '']) => `${text}\n`).join('');
}

/**
 * Creates an empty project in which `npx vfio`, `sudo` and `import 'vfio'` use this package.
 *
 * @param commands - additional commands: the key is the name of a command, the value is a shell
 *   script
 */
export function project(commands: Readonly<Record<string, string>> = {}): {
  folder: string;
  env: NodeJS.ProcessEnv;
} {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-docs-'));
  const bin = join(folder, 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(root, join(folder, 'node_modules', 'vfio'));
  const all = {
    vfio: `exec '${process.execPath}' '${join(root, 'dist/lib/cli/main.js')}' "$@"`,
    npx: 'exec "$@"',
    sudo: 'exec "$@"',
    ...commands,
  };
  for (const [name, script] of Object.entries(all)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const path = `${bin}:${process.env.PATH ?? ''}`;
  return { folder, env: { ...process.env, PATH: path, USER: process.env.USER ?? 'root' } };
}
