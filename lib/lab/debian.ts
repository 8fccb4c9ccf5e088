import { downloadPackage, type DownloadOptions, type PrivateApt } from './package.js';

/**
 * For each Debian kernel, the suites of Debian's archive that can contain the kernel. The likeliest
 * suite is first.
 */
const SUITES = {
  'debian-6.12': ['bookworm-backports', 'trixie'],
  'debian-6.1': ['bookworm'],
} as const;

/** The name of a Debian kernel. */
export type DebianKernel = keyof typeof SUITES;

/** Names of all Debian kernels, the newest kernel first. */
export const DEBIAN_KERNELS = Object.keys(SUITES) as readonly DebianKernel[];

/** Whether a word is the name of a Debian kernel. */
export function isDebianKernel(name: string): name is DebianKernel {
  return Object.hasOwn(SUITES, name);
}

/**
 * Finds the kernel package on which Debian's metapackage `linux-image-amd64` depends. Returns
 * undefined if the package has a different kernel version.
 */
async function findImagePackage(apt: PrivateApt, version: string): Promise<string | undefined> {
  const text = await apt('apt-cache', 'show', '--no-all-versions', 'linux-image-amd64');
  const name = /^Depends:.*?\b(linux-image-[\w.+-]+)/m.exec(text)?.[1];
  return name?.startsWith(`linux-image-${version}.`) === true ? name : undefined;
}

/**
 * Downloads a Debian kernel and unpacks it.
 *
 * @param folder - the folder in which the package is unpacked, as `boot/` and `lib/`
 * @throws VfioError `ENOENT` if no source of this machine has the kernel
 */
export async function downloadKernel(
  name: DebianKernel,
  folder: string,
  options: DownloadOptions,
): Promise<void> {
  const wanted = {
    label: name,
    suites: SUITES[name],
    find: (apt: PrivateApt) => findImagePackage(apt, name.replace('debian-', '')),
    hint: 'Pass the path of a bzImage as --kernel instead.',
  };
  await downloadPackage(wanted, folder, options);
}
