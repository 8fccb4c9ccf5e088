/**
 * Records the calls of a program, with the answers, as a script of `vfio run`. A replay of the
 * script on another device shows all answers that differ.
 */
export { RecordFile } from './file.js';
export { createRecorder } from './recorder.js';
