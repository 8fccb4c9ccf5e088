import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { downloadKernel, type DebianKernel } from './debian.js';
import { openModules, planModules } from './modules.js';

function cacheFolder(): string {
  const home = process.env.XDG_CACHE_HOME;
  const base = home === undefined || home === '' ? join(homedir(), '.cache') : home;
  return join(base, 'vfio', 'kernels');
}

/** Finds the image in an unpacked package. */
function findImage(folder: string): string | undefined {
  const boot = join(folder, 'boot');
  if (!existsSync(boot)) return undefined;
  const name = readdirSync(boot).find((entry) => entry.startsWith('vmlinuz-'));
  return name === undefined ? undefined : join(boot, name);
}

/** Copies the files that the lab uses from an unpacked package: 20 of 400 MB. */
function copyUsed(unpacked: string, image: string, target: string): void {
  const file = image.slice(join(unpacked, 'boot/').length);
  const release = file.replace('vmlinuz-', '');
  const from = join(unpacked, 'lib/modules', release);
  const to = join(target, 'lib/modules', release);
  mkdirSync(join(target, 'boot'), { recursive: true });
  mkdirSync(to, { recursive: true });
  copyFileSync(image, join(target, 'boot', file));
  copyFileSync(join(from, 'modules.builtin'), join(to, 'modules.builtin'));
  for (const { name, data } of planModules(openModules(from))) {
    writeFileSync(join(to, `${name}.ko`), data);
  }
}

/**
 * Returns the path of a named kernel's image, with its modules beside it. The first use downloads
 * the kernel to `$XDG_CACHE_HOME/vfio/kernels`. To get a newer build, delete the kernel there.
 */
export async function cacheKernel(
  name: DebianKernel,
  report: (step: string, percent?: number) => void,
): Promise<string> {
  const folder = join(cacheFolder(), name);
  const known = findImage(folder);
  if (known !== undefined) return known;

  mkdirSync(cacheFolder(), { recursive: true });
  const scratch = mkdtempSync(`${folder}-`);
  try {
    const unpacked = join(scratch, 'package');
    await downloadKernel(name, unpacked, report);
    const downloaded = findImage(unpacked) ?? '';
    copyUsed(unpacked, downloaded, join(scratch, 'kept'));
    try {
      renameSync(join(scratch, 'kept'), folder);
    } catch (error) {
      // Another process may have stored the same kernel first.
      if (findImage(folder) === undefined) throw error;
    }
    return findImage(folder) ?? '';
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
