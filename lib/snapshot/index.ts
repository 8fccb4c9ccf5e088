/** What a device is, as a readable file, and back. Both sides of the seam know it. */
export type { Snapshot } from './format.js';
export { SnapshotError } from './fields.js';
export { readSnapshot } from './read.js';
export { takeSnapshot } from './take.js';
export { writeSnapshot } from './write.js';
