/** Who is told what this program does with devices: its environment says. */
import { asked } from './environment.js';
import type { Observer } from './index.js';
import { recordInto } from './record/index.js';
import { traceInto } from './trace/tracer.js';

function ask(path: string | undefined, into: (path: string) => Observer): Observer[] {
  return path === undefined ? [] : [into(path)];
}

export const observers: readonly Observer[] = [
  ...ask(asked.trace, traceInto),
  ...ask(asked.record, recordInto),
];
