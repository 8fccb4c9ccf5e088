import { join } from 'node:path';
import { ARCHITECTURES, type Arch } from './architectures.js';
import { cacheProgram, type Program } from './debian-program.js';
import type { DownloadOptions } from './package.js';
import { packageOf } from './tools.js';

/** The word that selects Debian's newest QEMU. */
export const DEBIAN_QEMU = 'debian';

/** The suite that has the newest QEMU, and the suite with the packages that QEMU needs. */
const [NEWEST, BASE] = ['trixie-backports', 'trixie'];

/**
 * Returns the newest QEMU of Debian. On first use, QEMU and its libraries are downloaded to
 * `$XDG_CACHE_HOME/vfio/qemu`. To get a newer QEMU, the user deletes this folder.
 *
 * @param arch - architecture of the guest
 * @throws VfioError `ENOENT` if no source of this machine has QEMU; the reason of `signal` after an
 *   abort
 */
export async function cacheQemu(arch: Arch, options: DownloadOptions): Promise<Program> {
  const { qemu } = ARCHITECTURES[arch];
  const program = {
    kind: 'qemu',
    folder: arch === 'x64' ? 'debian' : `debian-${arch}`,
    label: "Debian's QEMU",
    suites: [`${NEWEST} ${BASE}`],
    package: packageOf(qemu),
    release: NEWEST,
    path: `usr/bin/${qemu}`,
    hint: 'Pass the path of a QEMU as --qemu instead. Served devices need QEMU 10.1 or newer.',
  } as const;
  const { folder, libraries, file, args, env } = await cacheProgram(program, options);
  return {
    file,
    args: [
      ...args,
      ...['-L', join(folder, 'usr/share/qemu'), '-L', join(folder, 'usr/share/seabios')],
    ],
    // Without this variable, QEMU would load the modules of an installed QEMU.
    env: { ...env, QEMU_MODULE_DIR: join(libraries, 'qemu') },
  };
}
