/** Writes the output files of commands. No file is replaced without `--force`. */
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { systemError, VfioError } from '../errors.js';

/** Characters that are collected before they are written. */
const BUFFERED = 1 << 16;

/** What happens if a regular file has the name of the output file. */
export type Existing = 'replace' | 'refuse';

/** The option that replaces existing files. */
export const FORCE = { type: 'boolean', help: 'replaces a file that exists' } as const;

/** Returns the effect of {@link FORCE}. */
export function existingFiles({ force }: { readonly force: boolean }): Existing {
  return force ? 'replace' : 'refuse';
}

/**
 * Checks that a file can be written under a name. No symbolic link is followed.
 *
 * @throws VfioError `EEXIST` if the name belongs to a regular file that must not be replaced, or to
 *   a folder, a device or a link
 */
export function checkOutput(path: string, existing: Existing): void {
  const found = withPath(path, () => lstatSync(path, { throwIfNoEntry: false }));
  if (found === undefined || (existing === 'replace' && found.isFile())) return;
  if (found.isFile()) {
    throw new VfioError({
      code: 'EEXIST',
      path,
      hint: 'Use --force to replace the file, or choose another name.',
    });
  }
  const message = 'this name belongs to a folder, a device or a link';
  throw new VfioError({ code: 'EEXIST', message, path, hint: 'Choose another name.' });
}

/**
 * Creates an empty file for output that arrives over time, and returns its descriptor.
 *
 * @throws VfioError the errors of {@link checkOutput}; the code of the failed system call
 */
export function createOutput(path: string, existing: Existing): number {
  checkOutput(path, existing);
  return withPath(path, () => {
    if (existing === 'replace') rmSync(path, { force: true });
    // O_EXCL also refuses a link that another program created meanwhile.
    return openSync(path, 'wx');
  });
}

/**
 * Writes a file that is either complete or absent. The text is written to a temporary file in the same
 * folder. At the end, the temporary file gets its final name. After a failure, the folder is
 * unchanged.
 *
 * @param produce - passes the text to `write`, in parts
 * @throws VfioError the errors of {@link checkOutput}; the code of the failed system call
 */
export function writeOutput(
  path: string,
  existing: Existing,
  produce: (write: (text: string) => void) => void,
): void {
  checkOutput(path, existing);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    withPath(path, () => {
      writeTemporary(temporary, produce);
      if (existing === 'replace') renameSync(temporary, path);
      else linkNew(temporary, path);
    });
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Runs file operations. The error of a failed system call names the file. */
export function withPath<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const { syscall } = cause as NodeJS.ErrnoException;
    throw syscall === undefined ? cause : systemError(cause, path);
  }
}

function writeTemporary(path: string, produce: (write: (text: string) => void) => void): void {
  const fd = openSync(path, 'wx');
  try {
    writeParts(fd, produce);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeParts(fd: number, produce: (write: (text: string) => void) => void): void {
  let buffered = '';
  const flush = () => {
    writeFileSync(fd, Buffer.from(buffered));
    buffered = '';
  };
  produce((text) => {
    buffered += text;
    if (buffered.length >= BUFFERED) flush();
  });
  flush();
}

/** Gives a file a second name. Fails with EEXIST if the name is in use. */
function linkNew(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    // Some file systems, for example FAT, have no links.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    copyFileSync(from, to, constants.COPYFILE_EXCL);
  }
}
