/**
 * Observing what a program does with a device, at the seam: an observer is told of every call of
 * the contract before and after it is made. Recording and tracing stand on it.
 */
export { observeBackend } from './backend.js';
export { observeConnection } from './connection.js';
export type { Call, Fired, Observer, Outcome, Subject } from './observer.js';
