const { VFIO_TRACE, VFIO_RECORD } = process.env;

const named = (path: string | undefined) => (path === '' ? undefined : path);

/** What the environment asks to be written down: nothing of it is loaded where it is not. */
export const asked = {
  /** A folder, set by `vfio trace`. */
  trace: named(VFIO_TRACE),
  /** A file, set by who wants a record. */
  record: named(VFIO_RECORD),
} as const;
