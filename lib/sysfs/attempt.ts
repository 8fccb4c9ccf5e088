import { VfioError } from '../errors.js';

/** Reads a file or a folder. Returns `otherwise` if the read fails for any reason. */
export function tolerate<T, U>(read: () => T, otherwise: U): T | U {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/**
 * Reads a file or a folder. Returns `otherwise` if the read fails.
 *
 * @throws VfioError EACCES if the permission model of Node.js refuses the read. Without this error, a
 *   program would find a machine without devices.
 */
export function attempt<T, U>(read: () => T, otherwise: U): T | U {
  try {
    return read();
  } catch (cause) {
    const { code, resource } = cause as { code?: unknown; resource?: string };
    if (code !== 'ERR_ACCESS_DENIED') return otherwise;
    throw new VfioError({
      code: 'EACCES',
      message: 'the permission model of Node.js refuses to read the file',
      ...(resource === undefined ? {} : { path: resource }),
      hint: 'A real device needs --allow-addons, and --allow-fs-read for /sys, /proc and /dev.',
      cause,
    });
  }
}
