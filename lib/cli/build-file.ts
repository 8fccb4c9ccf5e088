import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VfioError } from '../errors.js';

/**
 * Writes binding.gyp for a build in the folder of the package. The package contains no binding.gyp:
 * pnpm and yarn would build the package on each installation. A clone of the repository has its own
 * binding.gyp, which stays.
 *
 * @returns a function that removes what the build leaves beside the folder `build`
 * @throws VfioError EBUSY while another build runs; EACCES or EROFS if the folder cannot be written
 */
export function writeBuildFile(root: string): () => void {
  if (existsSync(join(root, 'tsconfig.json'))) return () => undefined;
  const file = join(root, 'binding.gyp');
  const text = `# vfio build, process ${process.pid}\n{ "includes": ["native/vfio.gypi"] }\n`;
  if (!write(file, text, 'wx')) {
    const builder = builderOf(file);
    if (builder !== null) {
      throw new VfioError({
        code: 'EBUSY',
        message: `another vfio build runs in this folder: process ${builder}`,
        path: root,
        hint: `Wait until that build ends. If no build runs, remove ${file}.`,
      });
    }
    // The last build was killed.
    write(file, text, 'w');
  }
  return () => {
    rmSync(file, { force: true });
    // gyp writes a makefile for node-addon-api to this folder.
    rmSync(join(root, 'node-addon-api'), { recursive: true, force: true });
  };
}

/** @returns false if the flag is `'wx'` and the file already exists */
function write(file: string, text: string, flag: 'w' | 'wx'): boolean {
  try {
    writeFileSync(file, text, { flag });
    return true;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new VfioError({
      code,
      syscall: 'open',
      path: file,
      hint: 'The build writes to the folder of the package. Run vfio build as the owner of the folder, or build in a copy of the package and set VFIO_ADDON to the path of the addon.',
      cause,
    });
  }
}

/** Returns the process that builds now, or null if no process builds. */
function builderOf(file: string): number | null {
  let pid = NaN;
  try {
    pid = Number(/process (\d+)/.exec(readFileSync(file, 'utf8'))?.[1]);
    // After a build in a container was killed, this process can have the number of that build.
    if (Number.isNaN(pid) || pid === process.pid) return null;
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : null;
  }
}
