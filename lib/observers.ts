/** Who is told what this program does with devices: its environment says. */
import type { Observer } from './observe/index.js';
import { recordInto } from './record/index.js';
import { traceInto } from './trace/tracer.js';

/** `VFIO_TRACE` is set by `vfio trace`, `VFIO_RECORD` by who wants a record. */
const { VFIO_TRACE, VFIO_RECORD } = process.env;

function ask(path: string | undefined, into: (path: string) => Observer): Observer[] {
  return path === undefined || path === '' ? [] : [into(path)];
}

export const observers: readonly Observer[] = [
  ...ask(VFIO_TRACE, traceInto),
  ...ask(VFIO_RECORD, recordInto),
];
