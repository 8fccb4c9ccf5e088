import { closeSync, constants, ftruncateSync, lstatSync, openSync, writeSync } from 'node:fs';
import { systemError, VfioError } from '../errors.js';

const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

/** A file that was just created. */
export interface CreatedFile {
  readonly fd: number;
  readonly path: string;
}

/**
 * Creates a file. If a regular file exists at `path`, the name of the new file gets the suffix
 * `.2`, `.3` and so on. Anything else at `path` stays untouched, and no symbolic link is followed.
 *
 * @throws VfioError `EEXIST` if a folder, a device, a FIFO or a symbolic link exists at `path`; the
 *   code of open(2) if the file cannot be created
 */
export function createFile(path: string): CreatedFile {
  for (let n = 1; ; n++) {
    const name = n === 1 ? path : `${path}.${n}`;
    try {
      return { fd: openSync(name, NEW_FILE, 0o666), path: name };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw systemError(cause, name);
    }
    if (n === 1 && !lstatSync(path).isFile()) {
      const message = 'this name belongs to a folder, a device or a link';
      throw new VfioError({ code: 'EEXIST', message, syscall: 'open', path });
    }
  }
}

/** A file of whole lines. If the disk is full, the file still ends with a complete line. */
export class AppendFile {
  readonly #fd: number;
  #size = 0;

  /** @param fd - an empty file that is open for writing */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Appends lines. @param lines - text that ends with a line break, or its bytes */
  append(lines: string | Buffer): void {
    const bytes = typeof lines === 'string' ? Buffer.from(lines) : lines;
    let done = 0;
    try {
      // One write(2) can write fewer bytes than requested.
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      this.#cutAfter(bytes.subarray(0, done));
      throw error;
    }
    this.#size += done;
  }

  /** Replaces bytes that the file already contains. This also works on a full disk. */
  overwrite(offset: number, text: string): void {
    writeSync(this.#fd, text, offset);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Removes the incomplete last line of a failed write. */
  #cutAfter(written: Buffer): void {
    try {
      ftruncateSync(this.#fd, this.#size + written.lastIndexOf('\n') + 1);
    } catch {
      // A device or a pipe cannot be cut.
    }
  }
}
