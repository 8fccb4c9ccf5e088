// What the checks have in common.
import { spawnSync } from 'node:child_process';
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
export function run(program, args, { cwd = root, env = {}, show = true } = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (error?.code === 'ENOENT') {
    throw new Error(`there is no ${program}: apt-get install ${PACKAGES[program] ?? program}`);
  }
  const output = `${stdout ?? ''}${stderr ?? ''}`;
  if (show || status !== 0) process.stdout.write(output);
  if (status !== 0) throw new Error(`${program} ended with ${error ?? signal ?? status}`);
  return output;
}

/** A folder for as long as `use` takes. */
export function withFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-check-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Adds up what a pattern finds in a text. */
export function sum(text, pattern) {
  return [...text.matchAll(pattern)].reduce((total, [, number]) => total + Number(number), 0);
}
