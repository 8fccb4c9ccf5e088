import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { VfioError } from '../errors.js';
import { ARCHITECTURES, type Arch } from './architectures.js';
import { cacheFolder, storeFolder } from './cache.js';
import { downloadNode, NODE_MAJOR } from './node-package.js';
import {
  downloadPackages,
  findWithDependencies,
  type DownloadOptions,
  type PrivateApt,
} from './package.js';

/** The suite with the packages. */
const SUITE = 'trixie';
/** The C library and the C++ library that Node.js needs, and the programs of the guest. */
const PACKAGES = ['libc6', 'libstdc++6', 'libatomic1', 'busybox-static'];

/** Path of Node.js in the root. */
export const NODE = 'usr/bin/node';

/** The folders of Debian that are links to folders in `usr`. */
const LINKS = ['bin', 'lib', 'sbin'];

/**
 * Returns the path of a folder with the programs of another architecture: Debian's C library and
 * busybox, and Node.js. On first use, the programs are downloaded to `$XDG_CACHE_HOME/vfio/roots`.
 * To get newer programs, the user deletes the folder.
 *
 * @throws VfioError `ENOENT` if no source of this machine has the programs; the reason of `signal`
 *   after an abort
 */
export async function cacheRoot(arch: Arch, options: DownloadOptions): Promise<string> {
  const folder = join(cacheFolder('roots'), `${arch}-node${NODE_MAJOR}`);
  if (!existsSync(folder)) await store(arch, folder, options);
  const missing = [NODE, 'usr/bin/busybox'].find((path) => !existsSync(join(folder, path)));
  if (missing !== undefined) {
    const hint = `Delete ${folder}: the lab then downloads the programs again.`;
    const message = `the programs for ${arch} in the cache are incomplete`;
    throw new VfioError({ code: 'EINVAL', message, path: join(folder, missing), hint });
  }
  return folder;
}

async function store(arch: Arch, folder: string, options: DownloadOptions): Promise<void> {
  const wanted = {
    label: `programs for ${arch}`,
    architecture: ARCHITECTURES[arch].debian,
    suites: [SUITE],
    find: (apt: PrivateApt) => findWithDependencies(apt, SUITE, PACKAGES),
    hint: `The lab needs Debian's packages ${PACKAGES.join(', ')} for a guest with ${arch}.`,
  };
  await storeFolder(folder, async (root, scratch) => {
    await downloadPackages(wanted, root, options);
    for (const name of LINKS) {
      mkdirSync(join(root, 'usr', name), { recursive: true });
      if (!existsSync(join(root, name))) symlinkSync(`usr/${name}`, join(root, name));
    }
    await downloadNode(arch, join(root, 'usr'), { ...options, scratch });
  });
}
