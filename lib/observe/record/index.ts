/**
 * Records the calls of a program as a script of `vfio run` with their answers. A replay of the
 * script on another device shows the differences.
 */
export { RecordFile } from './file.js';
export { createRecorder } from './recorder.js';
