import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { VfioError } from '../errors.js';
import { ARCHITECTURES } from './architectures.js';
import { cacheFolder, type CacheKind, storeFolder } from './cache.js';
import {
  downloadPackages,
  findWithDependencies,
  type DownloadOptions,
  type PrivateApt,
} from './package.js';

/** A program to start, with the arguments before all other arguments. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A program of Debian that is used without being installed. */
export interface DebianProgram {
  /** Kind of the program in the cache. */
  readonly kind: CacheKind;
  /** Folder of the program below the folder of its kind. Default: `debian`. */
  readonly folder?: string;
  /** Name in error and progress messages. */
  readonly label: string;
  /** Suites, as in `Wanted`. */
  readonly suites: readonly string[];
  readonly package: string;
  /** Suite that has precedence if several suites have the package. Default: none. */
  readonly release?: string;
  /** Path of the program in its package. */
  readonly path: string;
  /** Hint of the error that is thrown if no suite contains the program. */
  readonly hint: string;
}

/** Returns the dynamic linker among the unpacked packages. */
function findLinker(folder: string): string | undefined {
  const libraries = join(folder, 'usr/lib64');
  if (!existsSync(libraries)) return undefined;
  const name = readdirSync(libraries).find((entry) => entry.startsWith('ld-linux'));
  return name === undefined ? undefined : join(libraries, name);
}

function programFolder({ kind, folder = 'debian' }: DebianProgram): string {
  return join(cacheFolder(kind), folder);
}

/** Whether the cache contains the program. */
export function isCached(program: DebianProgram): boolean {
  return findLinker(programFolder(program)) !== undefined;
}

/** Folders of the program's unpacked packages. */
export interface UnpackedProgram extends Program {
  readonly folder: string;
  /** Folder of the libraries. */
  readonly libraries: string;
}

/**
 * Returns a program of Debian. On first use, the program and its libraries are downloaded to the
 * cache. To get a newer version, the user deletes the folder.
 *
 * @throws VfioError `ENOENT` if no source of this machine has the program; the reason of `signal`
 *   after an abort
 */
export async function cacheProgram(
  program: DebianProgram,
  options: DownloadOptions,
): Promise<UnpackedProgram> {
  const folder = programFolder(program);
  if (!existsSync(folder)) await store(program, folder, options);
  const linker = findLinker(folder);
  if (linker === undefined) {
    const hint = `Delete ${folder}: the program is then downloaded again.`;
    const message = `${program.label} in the cache is incomplete`;
    throw new VfioError({ code: 'EINVAL', message, path: folder, hint });
  }
  const libraries = join(folder, 'usr/lib/x86_64-linux-gnu');
  // The host can have other versions of the libraries, or another C library. The program therefore
  // runs with the dynamic linker and the libraries of the packages.
  return {
    folder,
    libraries,
    file: linker,
    args: ['--library-path', `${libraries}:${join(folder, 'usr/lib')}`, join(folder, program.path)],
    env: process.env,
  };
}

async function store(
  program: DebianProgram,
  folder: string,
  options: DownloadOptions,
): Promise<void> {
  const { label, suites, package: name, release, hint } = program;
  // The program runs on this machine.
  const architecture = ARCHITECTURES.x64.debian;
  const find = (apt: PrivateApt) => findWithDependencies(apt, release, [name]);
  await storeFolder(folder, (unpacked) =>
    downloadPackages({ label, architecture, suites, find, hint }, unpacked, options),
  );
}
