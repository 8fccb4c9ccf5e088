import { mkdirSync, realpathSync } from 'node:fs';
import { systemError, VfioError } from '../errors.js';

/** Folders in which the guest has file systems of its own. */
const OWN = ['/', '/dev', '/proc', '/run', '/sys'];

/**
 * Creates the folder whose files the guest keeps.
 *
 * @returns the path of the folder without symbolic links, because the guest mounts the folder there
 * @throws VfioError `EINVAL` for a folder that the guest needs for itself; the error of mkdir(2)
 */
export function createKeptFolder(path: string): string {
  let folder: string;
  try {
    mkdirSync(path, { recursive: true });
    folder = realpathSync(path);
  } catch (cause) {
    throw systemError(cause, path);
  }
  if (!OWN.some((own) => folder === own || (own !== '/' && folder.startsWith(`${own}/`)))) {
    return folder;
  }
  throw new VfioError({
    code: 'EINVAL',
    message: 'the guest has a file system of its own in the folder to keep',
    path: folder,
    hint: 'Choose a folder below the current folder.',
  });
}
