/**
 * What a program does with a device, as a script of `vfio run` that knows its answers: to be done
 * again on another device, with the differences shown.
 */
export { RecordFile } from './file.js';
export { recordInto } from './recorder.js';
