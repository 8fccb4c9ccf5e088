/** Writes the properties of a device to a readable file and parses snapshot files. */
export type { Snapshot } from './format.js';
export { SnapshotError } from './fields.js';
export { readSnapshot } from './read.js';
export { takeSnapshot } from './take.js';
export { writeSnapshot } from './write.js';
