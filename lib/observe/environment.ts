import { isAbsolute } from 'node:path';

const { VFIO_TRACE, VFIO_RECORD } = process.env;

/** The program can later change its working directory, so a relative path is completed here. */
function absolute(path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  if (isAbsolute(path)) return path;
  try {
    return `${process.cwd()}/${path}`;
  } catch {
    // The working directory does not exist. The observer reports the failure when it starts.
    return path;
  }
}

/**
 * Output that the environment variables request. If a variable is unset or empty, its observer is
 * never loaded.
 */
export const environment = {
  /** Folder of the trace: `VFIO_TRACE`, set by `vfio trace`. */
  traceFolder: absolute(VFIO_TRACE),
  /** File of the record: `VFIO_RECORD`, set by the user. */
  recordFile: absolute(VFIO_RECORD),
} as const;
