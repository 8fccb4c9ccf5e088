import { downloadPackages, type DownloadOptions, type PrivateApt } from './package.js';

interface Debian {
  /** Suites of Debian's archive that can contain the kernel, the likeliest suite first. */
  readonly suites: readonly string[];
  /** Start of the kernel's version. If undefined, every version is accepted. */
  readonly version?: string;
}

/** The Debian kernels. The first kernel is used by default. */
const KERNELS = {
  'debian-6.12': { suites: ['bookworm-backports', 'trixie'], version: '6.12.' },
  'debian-6.1': { suites: ['bookworm'], version: '6.1.' },
  'debian-newest': { suites: ['trixie-backports'] },
} as const satisfies Readonly<Record<string, Debian>>;

/** The name of a Debian kernel. */
export type DebianKernel = keyof typeof KERNELS;

/** Names of all Debian kernels, the default kernel first. */
export const DEBIAN_KERNELS = Object.keys(KERNELS) as readonly DebianKernel[];

/** Whether a word is the name of a Debian kernel. */
export function isDebianKernel(name: string): name is DebianKernel {
  return Object.hasOwn(KERNELS, name);
}

/** Returns the names of the packages on which a package depends. */
async function dependencies(apt: PrivateApt, name: string): Promise<string[]> {
  const text = await apt('apt-cache', 'show', '--no-all-versions', name);
  const list = /^Depends: (.*)$/m.exec(text)?.[1] ?? '';
  return list.split(/[,|]/).map((one) => one.trim().replace(/ .*/, ''));
}

/**
 * Finds the packages with the image and the modules of the kernel on which Debian's metapackage
 * `linux-image-amd64` depends. Returns undefined if the kernel has a different version.
 */
async function findKernelPackages(
  apt: PrivateApt,
  version: string,
): Promise<readonly string[] | undefined> {
  const prefix = `linux-image-${version}`;
  const image = (await dependencies(apt, 'linux-image-amd64')).find((one) =>
    one.startsWith(prefix),
  );
  if (image === undefined) return undefined;
  // Newer kernels are split: the image, the modules, and the list of built-in modules.
  const parts = (await dependencies(apt, image)).filter((one) =>
    /^linux-(?:base|binary|modules)-/.test(one),
  );
  return parts.length === 0 ? [image] : parts;
}

/**
 * Downloads a Debian kernel and unpacks it.
 *
 * @param folder - the folder in which the packages are unpacked, as `boot/` and `lib/`
 * @throws VfioError `ENOENT` if no source of this machine has the kernel
 */
export async function downloadKernel(
  name: DebianKernel,
  folder: string,
  options: DownloadOptions,
): Promise<void> {
  const { suites, version = '' }: Debian = KERNELS[name];
  const wanted = {
    label: name,
    suites,
    find: (apt: PrivateApt) => findKernelPackages(apt, version),
    hint: 'Pass the path of a bzImage as --kernel instead.',
  };
  await downloadPackages(wanted, folder, options);
}
