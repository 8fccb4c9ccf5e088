/**
 * Observation of a program's calls on the contract. An observer receives every call before the
 * call is made, and the outcome afterwards. The recorder and the tracer are observers.
 */
export { observeBackend } from './backend.js';
export { observeConnection } from './connection.js';
export type { Call, Fired, Observer, Outcome, Subject } from './observer.js';
