const { VFIO_TRACE, VFIO_RECORD } = process.env;

/** Treats an empty environment variable as unset. */
const pathOrUndefined = (path: string | undefined) => (path === '' ? undefined : path);

/**
 * Output that the environment variables request. If a variable is unset, its observer is never
 * loaded.
 */
export const environment = {
  /** Folder of the trace: `VFIO_TRACE`, set by `vfio trace`. */
  traceFolder: pathOrUndefined(VFIO_TRACE),
  /** File of the record: `VFIO_RECORD`, set by the user. */
  recordFile: pathOrUndefined(VFIO_RECORD),
} as const;
