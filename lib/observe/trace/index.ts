/** Shows what a traced program did with its devices. `tracer.ts` writes the trace files. */
export { chromeTrace } from './chrome.js';
export { tracePage } from './page.js';
export { readTrace, summarize, type VectorSummary } from './trace.js';
