// Helper functions of the checks. The functions run a program, create a temporary folder, and add
// numbers.
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

/**
 * Returns the C++ source files in folders of native/, as paths relative to the root of the project.
 */
export function sources(...folders) {
  return folders.flatMap((folder) =>
    readdirSync(join(root, 'native', folder))
      .filter((name) => name.endsWith('.cc'))
      .sort()
      .map((name) => join('native', folder, name)),
  );
}

/** Runs a program. Prints and returns the output of the program. Throws if the program fails. */
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
    throw new Error(
      `${program} is not installed: run apt-get install ${PACKAGES[program] ?? program}`,
    );
  });
  if (status === 0) return output;
  if (!show) process.stdout.write(output);
  throw new Error(`${program} ended with ${signal ?? status}`);
}

/** Calls the function `use` with a temporary folder. Removes the folder when `use` ends. */
export async function withFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-check-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the sum of the numbers that a pattern matches in a text. */
export function sum(text, pattern) {
  return [...text.matchAll(pattern)].reduce((total, [, number]) => total + Number(number), 0);
}
