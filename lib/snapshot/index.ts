/** Snapshots: the properties of a device as a readable file, and back. */
export type { Snapshot } from './format.js';
export { SnapshotError } from './fields.js';
export { readSnapshot } from './read.js';
export { takeSnapshot } from './take.js';
export { writeSnapshot } from './write.js';
