/** An entry of an archive. */
export interface CpioEntry {
  readonly path: string;
  /** File type and permissions, in the encoding of `stat.st_mode`. */
  readonly mode: number;
  readonly data?: Uint8Array | string;
  /** Device number of a device node. */
  readonly device?: readonly [major: number, minor: number];
}

export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

const padding = (length: number): Buffer => Buffer.alloc(-length & 3);

function record(entry: CpioEntry, inode: number): Buffer {
  const data = Buffer.from(entry.data ?? '');
  const name = Buffer.from(`${entry.path}\0`);
  const [major, minor] = entry.device ?? [0, 0];
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, entry.mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  const head = Buffer.concat([Buffer.from(`070701${hex}`), name]);
  return Buffer.concat([head, padding(head.length), data, padding(data.length)]);
}

/**
 * Builds a "newc" archive, the format of an initramfs (Documentation/driver-api/early-userspace/
 * buffer-format.rst in the kernel's tree). The archive is not compressed, because an emulated CPU
 * would decompress the archive slowly.
 */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const end: CpioEntry = { path: 'TRAILER!!!', mode: 0 };
  return Buffer.concat([...entries, end].map((entry, index) => record(entry, index + 1)));
}
