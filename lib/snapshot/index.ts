/** Takes, writes and reads snapshots. A snapshot contains the properties of a device. */
export type { Snapshot } from './format.js';
export { SnapshotError } from './fields.js';
export { chooseFunction, type DumpedFunction, readDumps, toSnapshot } from './lspci.js';
export { readSnapshot } from './read.js';
export { takeSnapshot } from './take.js';
export { writeSnapshot } from './write.js';
