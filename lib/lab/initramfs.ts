import { readFileSync } from 'node:fs';
import { cpio, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from './cpio.js';
import type { Module } from './modules.js';

const FOLDERS = ['bin', 'dev', 'proc', 'sys', 'modules', 'host', 'layer', 'changes', 'root'];

/** The applets of busybox that the init script uses. */
const APPLETS = [
  ...['cat', 'chmod', 'chroot', 'insmod', 'ip', 'ln', 'mkdir', 'mkfifo', 'mount'],
  ...['reboot', 'setsid', 'sh', 'sleep', 'stty'],
];

/**
 * Builds the initramfs of the guest.
 *
 * @param busybox - path of a statically linked busybox
 * @param init - text of the init script, which the kernel starts as the first process
 * @param modules - kernel modules, in load order
 */
export function initramfs(busybox: string, init: string, modules: readonly Module[]): Buffer {
  return cpio([
    ...FOLDERS.map((path) => ({ path, mode: S_IFDIR | 0o755 })),
    // Without /dev/console, the kernel would start the init script without standard streams.
    { path: 'dev/console', mode: S_IFCHR | 0o600, device: [5, 1] },
    // The shell needs /dev/null, because the shell uses this file as standard input of background
    // processes.
    { path: 'dev/null', mode: S_IFCHR | 0o666, device: [1, 3] },
    { path: 'bin/busybox', mode: S_IFREG | 0o755, data: readFileSync(busybox) },
    ...APPLETS.map((name) => ({ path: `bin/${name}`, mode: S_IFLNK | 0o777, data: 'busybox' })),
    ...modules.map(({ name, data }) => ({
      path: `modules/${name}.ko`,
      mode: S_IFREG | 0o644,
      data,
    })),
    { path: 'init', mode: S_IFREG | 0o755, data: init },
  ]);
}
