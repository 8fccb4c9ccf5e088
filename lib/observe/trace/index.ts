/** Shows what a traced program did with its devices. `tracer.ts` writes the trace files. */
export { writeChromeTrace } from './chrome.js';
export { writeTracePage } from './page.js';
export { describeGaps, readTrace, summarize, type VectorSummary } from './trace.js';
