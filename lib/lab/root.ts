import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { VfioError } from '../errors.js';
import { packageFile } from '../package-files.js';
import type { Arch } from './architectures.js';
import { cacheRoot, NODE } from './foreign-root.js';
import type { DownloadOptions } from './package.js';
import { findTools } from './tools.js';

/** The programs of a guest. */
export interface Root {
  /** Path of a statically linked busybox. */
  readonly busybox: string;
  /** Path of Node.js in the guest. */
  readonly node: string;
  /**
   * A folder whose files the guest sees at the root of its file system, before the files of this
   * machine. Undefined if the programs of this machine run in the guest.
   */
  readonly layer: string | undefined;
  /** Environment variables that replace the variables of the caller. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds the programs of a guest. If the guest has another architecture, its programs are downloaded
 * once and cached.
 *
 * @throws VfioError `ENOENT` if a program cannot be downloaded, or if the package has no addon for
 *   the architecture
 */
export async function findRoot(arch: Arch, options: DownloadOptions): Promise<Root> {
  if (arch === process.arch) {
    const { busybox } = findTools(['busybox']);
    return { busybox, node: process.execPath, layer: undefined, env: {} };
  }
  const addon = findAddon(arch);
  const layer = await cacheRoot(arch, options);
  return {
    busybox: join(layer, 'usr/bin/busybox'),
    node: `/${NODE}`,
    layer,
    // The caller's programs and shell do not run in the guest.
    env: { PATH: '/usr/bin:/bin', SHELL: '/bin/sh', VFIO_ADDON: addon },
  };
}

/** Returns the path of the prebuilt addon, because an addon that was built here does not load. */
function findAddon(arch: Arch): string {
  const path = packageFile(`prebuilds/linux-${arch}/vfio.glibc.node`);
  if (existsSync(path)) return path;
  throw new VfioError({
    code: 'ENOENT',
    message: `the package has no prebuilt addon for ${arch}`,
    path,
    hint: `In a clone of the repository, 'node scripts/prebuild.mjs' builds the addon.`,
  });
}
