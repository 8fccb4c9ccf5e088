/**
 * Records the calls of a program and their results as a script of `vfio run`. A replay of the
 * script on another device reports every result that differs.
 */
export { RecordFile } from './file.js';
export { createRecorder } from './recorder.js';
