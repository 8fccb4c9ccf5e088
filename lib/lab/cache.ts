import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { VfioError } from '../errors.js';
import { downloadKernel, type DebianKernel } from './debian.js';
import { pickReason } from './package.js';
import {
  missingModule,
  type KernelLabel,
  moduleName,
  openModules,
  planModules,
  type ModulePlan,
} from './modules.js';

const execute = promisify(execFile);

/**
 * File name of a kernel's package in the cache. If the lab needs more modules later, the modules
 * are unpacked from this package.
 */
const PACKAGE = 'package.deb';
/** Files with the names of the kernel's modules. */
const LISTS = ['modules.builtin', 'modules.order'];

/** Options for storing a kernel in the cache. */
export interface CacheOptions {
  /** Names of modules that the cache must contain, together with their dependencies. */
  readonly modules: readonly string[];
  readonly report: (step: string, percent?: number) => void;
  readonly signal: AbortSignal | undefined;
}

function cacheFolder(): string {
  const home = process.env.XDG_CACHE_HOME;
  const base = home === undefined || home === '' ? join(homedir(), '.cache') : home;
  return join(base, 'vfio', 'kernels');
}

/** Finds the kernel image in an unpacked package. */
function findImage(folder: string): string | undefined {
  const boot = join(folder, 'boot');
  if (!existsSync(boot)) return undefined;
  const name = readdirSync(boot).find((entry) => entry.startsWith('vmlinuz-'));
  return name === undefined ? undefined : join(boot, name);
}

/** Returns the folder that contains the modules of a kernel image in an unpacked package. */
function modulesFolder(folder: string, image: string): string {
  const release = basename(image).replace('vmlinuz-', '');
  const places = ['lib/modules', 'usr/lib/modules'].map((place) => join(folder, place, release));
  return places.find(existsSync) ?? join(folder, 'lib/modules', release);
}

/** Returns the label of a cached kernel for error messages. */
export function cacheLabel(name: DebianKernel): KernelLabel {
  const folder = join(cacheFolder(), name);
  return { kernel: name, hint: `Delete ${folder}: the lab then downloads the kernel again.` };
}

/**
 * Stores modules. Because other processes can read the folder at any time, each file is written
 * completely before the file gets its final name.
 */
function storeModules({ required, further }: ModulePlan, folder: string): void {
  for (const { name, data } of [...required, ...further]) {
    const path = join(folder, `${name}.ko`);
    if (existsSync(path)) continue;
    const partial = `${path}.${process.pid}`;
    writeFileSync(partial, data);
    renameSync(partial, path);
  }
}

/** Copies the files that the lab uses from an unpacked package. */
function storeUsed(unpacked: string, image: string, target: string, plan: ModulePlan): void {
  const from = modulesFolder(unpacked, image);
  const to = join(target, 'lib/modules', basename(from));
  mkdirSync(join(target, 'boot'), { recursive: true });
  mkdirSync(to, { recursive: true });
  copyFileSync(image, join(target, 'boot', basename(image)));
  for (const list of LISTS) {
    if (existsSync(join(from, list))) copyFileSync(join(from, list), join(to, list));
  }
  storeModules(plan, to);
}

/** Whether the cache contains the modules and their dependencies. */
function hasModules(folder: string, label: KernelLabel, names: readonly string[]): boolean {
  try {
    planModules(openModules(folder, label), names);
    return true;
  } catch (error) {
    if (error instanceof VfioError && error.code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Checks that a kernel has the named modules. If the cache has no list of the kernel's modules, the
 * check is skipped.
 */
function checkNames(folder: string, { kernel }: KernelLabel, names: readonly string[]): void {
  if (!LISTS.every((list) => existsSync(join(folder, list)))) return;
  const known = new Set(
    LISTS.flatMap((list) => readFileSync(join(folder, list), 'utf8').split('\n')).map(moduleName),
  );
  const unknown = names.find((name) => !known.has(moduleName(name)));
  if (unknown !== undefined) throw missingModule(kernel, unknown);
}

/**
 * Returns the path of a kernel image in the cache. The kernel's modules are stored in the cache
 * too. On first use, the kernel package is downloaded to `$XDG_CACHE_HOME/vfio/kernels` and kept
 * there. If a module is not in the cache, the module is unpacked from the package. To get a newer
 * build, the user deletes the kernel's folder in the cache.
 *
 * @throws VfioError `ENOENT` if no source of this machine has the kernel, or if the kernel has no
 *   such module; the reason of `signal` after an abort
 */
export async function cacheKernel(name: DebianKernel, options: CacheOptions): Promise<string> {
  const { modules, report, signal } = options;
  const folder = join(cacheFolder(), name);
  const label = cacheLabel(name);
  const known = findImage(folder);
  if (known !== undefined) {
    const stored = modulesFolder(folder, known);
    if (hasModules(stored, label, modules)) return known;
    checkNames(stored, label, modules);
  }

  mkdirSync(cacheFolder(), { recursive: true });
  const scratch = mkdtempSync(`${folder}-`);
  try {
    const unpacked = join(scratch, 'package');
    const kept = join(scratch, 'kept');
    mkdirSync(kept);
    if (existsSync(join(folder, PACKAGE))) {
      report(`${name}: unpacking modules`);
      await unpackKept(join(folder, PACKAGE), unpacked, label, signal);
    } else {
      await downloadKernel(name, unpacked, { report, signal, keep: join(kept, PACKAGE) });
    }
    const image = findImage(unpacked) ?? '';
    const plan = planModules(openModules(modulesFolder(unpacked, image), label), modules);
    if (known !== undefined && basename(known) === basename(image)) {
      fillUp(folder, known, { unpacked, kept, plan });
      return known;
    }
    storeUsed(unpacked, image, kept, plan);
    // The cache contains an older build of the kernel, and the new modules do not fit the older
    // build.
    if (known !== undefined) renameSync(folder, join(scratch, 'old'));
    try {
      renameSync(kept, folder);
    } catch (error) {
      // Another process might have stored the same kernel before this process.
      if (findImage(folder) === undefined) throw error;
    }
    return findImage(folder) ?? '';
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function unpackKept(
  path: string,
  unpacked: string,
  { hint }: KernelLabel,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await execute('dpkg', ['-x', path, unpacked], { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const message = `the kernel package cannot be unpacked: ${pickReason(cause)}`;
    throw new VfioError({ code: 'EINVAL', message, path, hint, cause });
  }
}

/** Adds the modules, the module lists and the package to a kernel in the cache. */
function fillUp(
  folder: string,
  image: string,
  { unpacked, kept, plan }: { unpacked: string; kept: string; plan: ModulePlan },
): void {
  const [from, to] = [modulesFolder(unpacked, image), modulesFolder(folder, image)];
  for (const list of LISTS) {
    if (!existsSync(join(to, list)) && existsSync(join(from, list))) {
      copyFileSync(join(from, list), join(to, list));
    }
  }
  storeModules(plan, to);
  if (existsSync(join(kept, PACKAGE))) renameSync(join(kept, PACKAGE), join(folder, PACKAGE));
}
