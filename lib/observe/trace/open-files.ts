import { readdirSync, readlinkSync, realpathSync } from 'node:fs';

/**
 * Returns whether another process has one of the files open. Only processes of the same user are
 * visible, except for root.
 */
export function areOpenElsewhere(paths: readonly string[]): boolean {
  const wanted = new Set(paths.map((path) => realpathSync(path)));
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.some((pid) => pid !== String(process.pid) && openFiles(pid).some(isWanted));

  function isWanted(path: string): boolean {
    return wanted.has(path);
  }
}

/** Returns the paths of the files that a process has open. */
function openFiles(pid: string): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((fd) => {
      try {
        return [readlinkSync(`${folder}/${fd}`)];
      } catch {
        // The process has closed the file meanwhile.
        return [];
      }
    });
  } catch {
    // The process has ended, or belongs to another user.
    return [];
  }
}
