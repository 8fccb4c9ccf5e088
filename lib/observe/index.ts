/**
 * Observes the calls that a program makes to a back end. An observer receives every call before the
 * call is made. After the call, the observer receives the outcome. The recorder and the tracer are
 * observers.
 */
export { observeBackend } from './backend.js';
export { observeConnection } from './connection.js';
export type { Call, Fired, Observer, Outcome, Subject } from './observer.js';
