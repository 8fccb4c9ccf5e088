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
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { VfioError } from '../errors.js';
import type { Arch } from './architectures.js';
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

/** Files with the names of the kernel's modules. */
const LISTS = ['modules.builtin', 'modules.order'];

/** Options for storing a kernel in the cache. */
export interface CacheOptions {
  /** Architecture of the guest. */
  readonly arch: Arch;
  /** Names of modules that the cache must contain, together with their dependencies. */
  readonly modules: readonly string[];
  readonly report: (step: string, percent?: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** The kinds of downloads. */
export type CacheKind = 'kernels' | 'qemu' | 'roots' | 'pciutils';

/** Returns the folder in which the downloads of a kind are stored. */
export function cacheFolder(kind: CacheKind): string {
  const home = process.env.XDG_CACHE_HOME;
  const base = home === undefined || home === '' ? join(homedir(), '.cache') : home;
  return join(base, 'vfio', kind);
}

/**
 * Stores a new folder in the cache. Other processes never see an incomplete folder.
 *
 * @param fill - fills the folder; `scratch` is a folder for temporary files
 */
export async function storeFolder(
  path: string,
  fill: (folder: string, scratch: string) => Promise<void>,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const scratch = mkdtempSync(`${path}-`);
  const folder = join(scratch, 'folder');
  try {
    await fill(folder, scratch);
    renameSync(folder, path);
  } catch (error) {
    // Another process might have stored the same folder before this process.
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Lists the kernel's packages in the cache. If the lab needs more modules later, the modules are
 * unpacked from these packages.
 */
function keptPackages(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  return names.map((name) => join(folder, name));
}

/** The kernel in a folder with unpacked packages, or in the cache. */
interface Unpacked {
  /** Path of the kernel image. */
  readonly image: string;
  readonly release: string;
  /** Folder that contains the kernel's modules. */
  readonly modules: string;
}

/** Finds the kernel in a folder. */
function findUnpacked(folder: string): Unpacked | undefined {
  const places = ['lib/modules', 'usr/lib/modules'].map((place) => join(folder, place));
  const place = places.find(existsSync) ?? '';
  const [release] = existsSync(place) ? readdirSync(place) : [];
  if (release === undefined) return undefined;
  const modules = join(place, release);
  // In a split package, the image is beside the modules.
  const images = [join(folder, 'boot', `vmlinuz-${release}`), join(modules, 'vmlinuz')];
  const image = images.find(existsSync);
  return image === undefined ? undefined : { image, release, modules };
}

function kernelFolder(name: DebianKernel, arch: Arch): string {
  return join(cacheFolder('kernels'), arch === 'x64' ? name : `${name}-${arch}`);
}

/** Returns the label of a cached kernel for error messages. */
export function cacheLabel(name: DebianKernel, arch: Arch): KernelLabel {
  const folder = kernelFolder(name, arch);
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

/** Copies the files that the lab uses from unpacked packages. */
function storeUsed({ image, release, modules }: Unpacked, target: string, plan: ModulePlan): void {
  const to = join(target, 'lib/modules', release);
  mkdirSync(join(target, 'boot'), { recursive: true });
  mkdirSync(to, { recursive: true });
  copyFileSync(image, join(target, 'boot', `vmlinuz-${release}`));
  for (const list of LISTS) {
    if (existsSync(join(modules, list))) copyFileSync(join(modules, list), join(to, list));
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
  const { arch, modules, report, signal } = options;
  const folder = kernelFolder(name, arch);
  const label = cacheLabel(name, arch);
  const known = findUnpacked(folder);
  if (known !== undefined) {
    if (hasModules(known.modules, label, modules)) return known.image;
    checkNames(known.modules, label, modules);
  }

  mkdirSync(cacheFolder('kernels'), { recursive: true });
  const scratch = mkdtempSync(`${folder}-`);
  try {
    const packages = join(scratch, 'package');
    const kept = join(scratch, 'kept');
    mkdirSync(kept);
    const paths = keptPackages(folder);
    if (paths.length > 0) {
      report(`${name}: unpacking modules`);
      for (const path of paths) await unpackKept(path, packages, label, signal);
    } else {
      await downloadKernel(name, arch, packages, { report, signal, keep: kept });
    }
    const unpacked = findUnpacked(packages);
    if (unpacked === undefined) throw incomplete(label);
    const plan = planModules(openModules(unpacked.modules, label), modules);
    if (known?.release === unpacked.release) {
      fillUp(folder, known, { unpacked, kept, plan });
      return known.image;
    }
    storeUsed(unpacked, kept, plan);
    // The cache contains an older build of the kernel, and the new modules do not fit the older
    // build.
    if (known !== undefined) renameSync(folder, join(scratch, 'old'));
    try {
      renameSync(kept, folder);
    } catch (error) {
      // Another process might have stored the same kernel before this process.
      if (findUnpacked(folder) === undefined) throw error;
    }
    return findUnpacked(folder)?.image ?? '';
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function incomplete({ kernel, hint }: KernelLabel): VfioError {
  const message = `the packages of the kernel ${kernel} contain no kernel image`;
  return new VfioError({ code: 'EINVAL', message, hint });
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

/** Adds the modules, the module lists and the packages to a kernel in the cache. */
function fillUp(
  folder: string,
  { modules: to }: Unpacked,
  { unpacked, kept, plan }: { unpacked: Unpacked; kept: string; plan: ModulePlan },
): void {
  const from = unpacked.modules;
  for (const list of LISTS) {
    if (!existsSync(join(to, list)) && existsSync(join(from, list))) {
      copyFileSync(join(from, list), join(to, list));
    }
  }
  storeModules(plan, to);
  for (const path of keptPackages(kept)) renameSync(path, join(folder, basename(path)));
}
