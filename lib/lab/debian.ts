import { ARCHITECTURES, type Arch } from './architectures.js';
import { downloadPackages, type DownloadOptions, type PrivateApt } from './package.js';

interface Debian {
  /** Suites of Debian's archive that can contain the kernel, the likeliest suite first. */
  readonly suites: readonly string[];
  /** Start of the kernel's version. If undefined, every version is accepted. */
  readonly version?: string;
  /** Suffix of the metapackage `linux-image-<architecture>`. */
  readonly flavour?: string;
  /** The architectures that have the kernel. If undefined, all architectures have the kernel. */
  readonly only?: readonly Arch[];
}

/** The Debian kernels. The first kernel is used by default. */
const KERNELS = {
  'debian-6.12': { suites: ['bookworm-backports', 'trixie'], version: '6.12.' },
  'debian-6.1': { suites: ['bookworm'], version: '6.1.' },
  'debian-newest': { suites: ['trixie-backports'] },
  // The kernel with pages of 16 KiB.
  'debian-6.12-16k': {
    suites: ['bookworm-backports', 'trixie'],
    version: '6.12.',
    flavour: '-16k',
    only: ['arm64'],
  },
} as const satisfies Readonly<Record<string, Debian>>;

/** The name of a Debian kernel. */
export type DebianKernel = keyof typeof KERNELS;

/** Names of all Debian kernels, the default kernel first. */
export const DEBIAN_KERNELS = Object.keys(KERNELS) as readonly DebianKernel[];

/** Returns the names of the Debian kernels for an architecture, the default kernel first. */
export function kernelsOf(arch: Arch): readonly DebianKernel[] {
  return DEBIAN_KERNELS.filter((name) => {
    const { only }: Debian = KERNELS[name];
    return only?.includes(arch) ?? true;
  });
}

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
 * Finds the packages with the image and the modules of the kernel on which a metapackage of Debian
 * depends. Returns undefined if the kernel has a different version.
 */
async function findKernelPackages(
  apt: PrivateApt,
  metapackage: string,
  version: string,
): Promise<readonly string[] | undefined> {
  const prefix = `linux-image-${version}`;
  const image = (await dependencies(apt, metapackage)).find((one) => one.startsWith(prefix));
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
  arch: Arch,
  folder: string,
  options: DownloadOptions,
): Promise<void> {
  const { suites, version = '', flavour = '' }: Debian = KERNELS[name];
  const architecture = ARCHITECTURES[arch].debian;
  const metapackage = `linux-image-${architecture}${flavour}`;
  const wanted = {
    label: name,
    architecture,
    suites,
    find: (apt: PrivateApt) => findKernelPackages(apt, metapackage, version),
    hint: 'Pass the path of a kernel image as --kernel instead.',
  };
  await downloadPackages(wanted, folder, options);
}
