/** Shows what a traced program did with its devices. `tracer.ts` writes the trace files. */
export type { AccessNames } from './access.js';
export { writeChromeTrace } from './chrome.js';
export { now } from './clock.js';
export { exited, signalled, type Ending } from './ending.js';
export { findingText, followTrace, type WriteText } from './follow.js';
export { KernelFaults } from './kernel-faults.js';
export { areOpenElsewhere } from './open-files.js';
export { writeTracePage } from './page.js';
export { followRecord } from './record-log.js';
export { traceFiles } from './trace-files.js';
export {
  describeGaps,
  readTrace,
  summarize,
  type Trace,
  type TraceOptions,
  type VectorSummary,
} from './trace.js';
