// What the checks have in common.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const PACKAGES = {
  'clang++': 'clang',
  'clang-tidy': 'clang-tidy',
  valgrind: 'valgrind',
  gcov: 'gcc',
};

/** Files below native/, as paths from the root. */
export function sources(...folders) {
  return folders.flatMap((folder) =>
    readdirSync(join(root, 'native', folder))
      .filter((name) => name.endsWith('.cc'))
      .sort()
      .map((name) => join('native', folder, name)),
  );
}

/** Runs a program in the root. What it prints is shown, and returned as well; it has to succeed. */
export async function run(program, args, { cwd = root, env = {}, show = true } = {}) {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (show) process.stdout.write(text);
    });
  }
  const [status, signal] = await once(child, 'close').catch((error) => {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(`there is no ${program}: apt-get install ${PACKAGES[program] ?? program}`);
  });
  if (status === 0) return output;
  if (!show) process.stdout.write(output);
  throw new Error(`${program} ended with ${signal ?? status}`);
}

/** A folder for as long as `use` takes. */
export async function withFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-check-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Adds up what a pattern finds in a text. */
export function sum(text, pattern) {
  return [...text.matchAll(pattern)].reduce((total, [, number]) => total + Number(number), 0);
}
