import { downloadPackage, type PrivateApt } from './package.js';

/** Where a kernel version is found: suites of Debian's archive, the likeliest first. */
const SUITES = {
  'debian-6.12': ['bookworm-backports', 'trixie'],
  'debian-6.1': ['bookworm'],
} as const;

/** A kernel that can be asked for by name. */
export type DebianKernel = keyof typeof SUITES;

/** Kernels that can be asked for by name, the newest first. */
export const DEBIAN_KERNELS = Object.keys(SUITES) as readonly DebianKernel[];

/** Whether a word is the name of such a kernel. */
export function isDebianKernel(name: string): name is DebianKernel {
  return Object.hasOwn(SUITES, name);
}

/** The package behind Debian's metapackage for the newest kernel, if it is of this version. */
async function imagePackage(apt: PrivateApt, version: string): Promise<string | undefined> {
  const text = await apt('apt-cache', 'show', '--no-all-versions', 'linux-image-amd64');
  const name = /^Depends:.*?\b(linux-image-[\w.+-]+)/m.exec(text)?.[1];
  return name?.startsWith(`linux-image-${version}.`) === true ? name : undefined;
}

/**
 * Downloads a Debian kernel and unpacks it.
 *
 * @param folder - what the package contains is put here: `boot/` and `lib/`
 * @param report - is told what is being done
 * @throws VfioError `ENOENT` when no source of this machine has it.
 */
export async function downloadKernel(
  name: DebianKernel,
  folder: string,
  report: (step: string, percent?: number) => void,
): Promise<void> {
  const wanted = {
    label: name,
    suites: SUITES[name],
    find: (apt: PrivateApt) => imagePackage(apt, name.replace('debian-', '')),
    hint: 'Give --kernel a path to a bzImage instead.',
  };
  await downloadPackage(wanted, folder, report);
}
