/** What a program did with devices: recorded by {@link traceInto}, shown by the others. */
export { chromeTrace } from './chrome.js';
export { tracePage } from './page.js';
export { readTrace, summarize, type VectorSummary } from './trace.js';
