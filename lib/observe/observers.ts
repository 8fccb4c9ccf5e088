/** The observers that the environment variables of this process request. */
import { environment } from './environment.js';
import type { Observer } from './index.js';
import { createRecorder } from './record/index.js';
import { createTracer } from './trace/tracer.js';

const { traceFolder, recordFile } = environment;

export const observers: readonly Observer[] = [
  ...(traceFolder === undefined ? [] : [createTracer(traceFolder)]),
  ...(recordFile === undefined ? [] : [createRecorder(recordFile)]),
];
