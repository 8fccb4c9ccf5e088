/** Who is told what this program does with devices: its environment says. */
import type { Observer } from './observe/index.js';
import { traceInto } from './trace/tracer.js';

const { VFIO_TRACE } = process.env;

/** `VFIO_TRACE` is set by `vfio trace`. */
export const observers: readonly Observer[] =
  VFIO_TRACE === undefined || VFIO_TRACE === '' ? [] : [traceInto(VFIO_TRACE)];
