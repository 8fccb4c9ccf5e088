import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { VfioError } from '../errors.js';
import { ARCHITECTURES, type Arch } from './architectures.js';
import { cacheFolder } from './cache.js';
import {
  downloadPackages,
  findWithDependencies,
  type DownloadOptions,
  type PrivateApt,
} from './package.js';
import { packageOf } from './tools.js';

/** The word that selects Debian's newest QEMU. */
export const DEBIAN_QEMU = 'debian';

/** A program to start, with the arguments before all other arguments. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** The suite that has the newest QEMU, and the suite with the packages that QEMU needs. */
const [NEWEST, BASE] = ['trixie-backports', 'trixie'];

/** Returns the dynamic linker among the unpacked packages. */
function findLinker(folder: string): string | undefined {
  const libraries = join(folder, 'usr/lib64');
  if (!existsSync(libraries)) return undefined;
  const name = readdirSync(libraries).find((entry) => entry.startsWith('ld-linux'));
  return name === undefined ? undefined : join(libraries, name);
}

/**
 * Returns the newest QEMU of Debian. On first use, QEMU and its libraries are downloaded to
 * `$XDG_CACHE_HOME/vfio/qemu`. To get a newer QEMU, the user deletes this folder.
 *
 * @throws VfioError `ENOENT` if no source of this machine has QEMU; the reason of `signal` after an
 *   abort
 */
export async function cacheQemu(arch: Arch, options: DownloadOptions): Promise<Program> {
  const { qemu } = ARCHITECTURES[arch];
  const folder = join(cacheFolder('qemu'), arch === 'x64' ? 'debian' : `debian-${arch}`);
  if (!existsSync(folder)) await store(packageOf(qemu), folder, options);
  const linker = findLinker(folder);
  if (linker === undefined) {
    const hint = `Delete ${folder}: the lab then downloads QEMU again.`;
    const message = "Debian's QEMU in the cache is incomplete";
    throw new VfioError({ code: 'EINVAL', message, path: folder, hint });
  }
  const libraries = join(folder, 'usr/lib/x86_64-linux-gnu');
  // The host can have other versions of the libraries, or another C library. QEMU therefore runs
  // with the dynamic linker and the libraries of the packages.
  return {
    file: linker,
    args: [
      ...['--library-path', `${libraries}:${join(folder, 'usr/lib')}`],
      join(folder, 'usr/bin', qemu),
      ...['-L', join(folder, 'usr/share/qemu'), '-L', join(folder, 'usr/share/seabios')],
    ],
    // Without this variable, QEMU would load the modules of an installed QEMU.
    env: { ...process.env, QEMU_MODULE_DIR: join(libraries, 'qemu') },
  };
}

async function store(name: string, folder: string, options: DownloadOptions): Promise<void> {
  mkdirSync(cacheFolder('qemu'), { recursive: true });
  const scratch = mkdtempSync(`${folder}-`);
  const unpacked = join(scratch, 'unpacked');
  const wanted = {
    label: "Debian's QEMU",
    // QEMU runs on this machine.
    architecture: ARCHITECTURES.x64.debian,
    suites: [`${NEWEST} ${BASE}`],
    find: (apt: PrivateApt) => findWithDependencies(apt, NEWEST, [name]),
    hint: 'Pass the path of a QEMU as --qemu instead. Served devices need QEMU 10.1 or newer.',
  };
  try {
    await downloadPackages(wanted, unpacked, options);
    renameSync(unpacked, folder);
  } catch (error) {
    // Another process might have stored QEMU before this process.
    if (findLinker(folder) === undefined) throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
