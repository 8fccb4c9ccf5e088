/**
 * A preloaded module that blocks every worker thread for ever, so the thread that watches the
 * eventfds of a traced program never answers.
 */
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
