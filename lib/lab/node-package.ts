import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { VfioError } from '../errors.js';
import type { Arch } from './architectures.js';
import { pickReason, type DownloadOptions } from './package.js';

const execute = promisify(execFile);

/**
 * The major version of Node.js in a guest of another architecture. This version is the version of
 * the caller, so a program finds the same functions in the guest and on this machine.
 */
export const NODE_MAJOR = process.versions.node.split('.', 1).join();

/**
 * Downloads Node.js from the npm registry. npm verifies the package.
 *
 * @param folder - the folder in which the program is stored, as `bin/node`
 * @param options - `scratch` is a folder for temporary files
 * @throws VfioError `ENOENT` if npm is missing or cannot download the package; the reason of
 *   `signal` after an abort
 */
export async function downloadNode(
  arch: Arch,
  folder: string,
  { scratch, report, signal }: DownloadOptions & { readonly scratch: string },
): Promise<void> {
  const name = `node-linux-${arch}@${NODE_MAJOR}`;
  report(`Node.js for ${arch}: downloading ${name}`);
  try {
    const pack = ['pack', '--json', '--pack-destination', scratch, name];
    await execute('npm', pack, { cwd: scratch, signal });
    const archive = readdirSync(scratch).find((file) => file.endsWith('.tgz')) ?? '';
    const target = ['-C', folder, '--strip-components=1', 'package/bin/node'];
    await execute('tar', ['-xzf', join(scratch, archive), ...target], { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new VfioError({
      code: 'ENOENT',
      message: `Node.js for ${arch} cannot be downloaded: ${explain(cause, name)}`,
      hint: 'On first use, the lab needs npm and a connection to the npm registry.',
      cause,
    });
  }
}

/** Finds the reason in the output of npm. With `--json`, npm prints errors on standard output. */
function explain(error: unknown, name: string): string {
  const { code, path, stdout } = error as { code?: unknown; path?: string; stdout?: unknown };
  if (code === 'ENOENT') return `the program ${path ?? 'npm'} is missing`;
  try {
    const { error: npm } = JSON.parse(String(stdout)) as { error?: { summary?: string } };
    if (npm?.summary !== undefined) return npm.summary;
  } catch {
    // npm printed no JSON.
  }
  return pickReason(error) || `npm pack ${name} failed`;
}
