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
import { moduleFolder, planModules } from './modules.js';

function cacheFolder(): string {
  const home = process.env.XDG_CACHE_HOME;
  const base = home === undefined || home === '' ? join(homedir(), '.cache') : home;
  return join(base, 'vfio', 'kernels');
}

/** The image in an unpacked package. */
function imageIn(folder: string): string | undefined {
  const boot = join(folder, 'boot');
  if (!existsSync(boot)) return undefined;
  const name = readdirSync(boot).find((entry) => entry.startsWith('vmlinuz-'));
  return name === undefined ? undefined : join(boot, name);
}

/** Copies what the lab uses of an unpacked package: of its 400 MB, a twentieth. */
function keep(unpacked: string, image: string, target: string): void {
  const file = image.slice(join(unpacked, 'boot/').length);
  const release = file.replace('vmlinuz-', '');
  const from = join(unpacked, 'lib/modules', release);
  const to = join(target, 'lib/modules', release);
  mkdirSync(join(target, 'boot'), { recursive: true });
  mkdirSync(to, { recursive: true });
  copyFileSync(image, join(target, 'boot', file));
  copyFileSync(join(from, 'modules.builtin'), join(to, 'modules.builtin'));
  for (const { name, data } of planModules(moduleFolder(from))) {
    writeFileSync(join(to, `${name}.ko`), data);
  }
}

/**
 * Path of a named kernel's image, its modules beside it. It is downloaded the first time and kept
 * in `$XDG_CACHE_HOME/vfio/kernels`; delete it there to have a newer build of it.
 */
export async function cachedKernel(
  name: DebianKernel,
  report: (step: string, percent?: number) => void,
): Promise<string> {
  const folder = join(cacheFolder(), name);
  const known = imageIn(folder);
  if (known !== undefined) return known;

  mkdirSync(cacheFolder(), { recursive: true });
  const scratch = mkdtempSync(`${folder}-`);
  try {
    const unpacked = join(scratch, 'package');
    await downloadKernel(name, unpacked, report);
    const downloaded = imageIn(unpacked) ?? '';
    keep(unpacked, downloaded, join(scratch, 'kept'));
    try {
      renameSync(join(scratch, 'kept'), folder);
    } catch (error) {
      // Somebody else was faster, with the same kernel.
      if (imageIn(folder) === undefined) throw error;
    }
    return imageIn(folder) ?? '';
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
