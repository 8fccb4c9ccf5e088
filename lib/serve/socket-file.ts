import { lstatSync, unlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { VfioError } from '../errors.js';
import type { Native } from '../native/binding.js';

/** The socket file of a server, which listens for clients. */
export class SocketFile {
  /** The absolute path. */
  readonly path: string;
  /** The descriptor of the listening socket. */
  readonly fd: number;
  readonly #native: Native;
  /** Identifies the file, so that the file of a later server is not removed. */
  readonly #identity: string | null;

  /**
   * Creates the socket file with mode 0600, and listens. A socket file of a program that no longer
   * listens is replaced.
   *
   * @throws {@link VfioError} EADDRINUSE if a program listens at the path; EEXIST if the path is
   *   another kind of file; ENAMETOOLONG if the path has more than 107 bytes; or an error of bind(2)
   */
  constructor(native: Native, path: string) {
    this.#native = native;
    this.path = resolve(path);
    this.fd = listen(native, this.path);
    this.#identity = identify(this.path);
  }

  /** Closes the socket, and removes the file. Idempotent. */
  close(): void {
    this.#native.close(this.fd);
    if (this.#identity !== null && identify(this.path) === this.#identity) unlinkSync(this.path);
  }
}

function listen(native: Native, path: string): number {
  try {
    return native.socketListen(path);
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
    if (error.code === 'ENAMETOOLONG') {
      throw error.with({ hint: 'The path of a socket has at most 107 bytes: use a shorter path.' });
    }
    if (error.code !== 'EADDRINUSE') throw error;
  }
  const identity = identify(path);
  if (identity === null) {
    throw new VfioError({
      code: 'EEXIST',
      message: 'the file is not a socket',
      syscall: 'bind',
      path,
      hint: 'Choose another path, or remove the file.',
    });
  }
  if (isListening(native, path)) {
    throw new VfioError({
      code: 'EADDRINUSE',
      message: 'another program listens at the socket',
      syscall: 'bind',
      path,
      hint: 'Choose another path, or end the other program.',
    });
  }
  // The file can be the file of another server that has started meanwhile.
  if (identify(path) === identity) unlinkSync(path);
  return native.socketListen(path);
}

function isListening(native: Native, path: string): boolean {
  try {
    native.close(native.socketConnect(path));
    return true;
  } catch (error) {
    if (error instanceof VfioError && error.code === 'ECONNREFUSED') return false;
    throw error;
  }
}

/** Returns a text that identifies a socket file. Returns null if no socket has the path. */
function identify(path: string): string | null {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat?.isSocket() === true ? `${stat.dev}:${stat.ino}:${stat.ctimeNs}` : null;
}
