/** Where the interrupts behind a virtual MSI-X table come from. */
export { type EventMaker } from './held.js';
export { DeviceHostVectors, type DeviceHostVectorsOptions } from './device-host-vectors.js';
export { ImsSource, type ImsSourceOptions } from './ims.js';
export { PhysicalSource, type PhysicalOptions } from './physical.js';
export { SoftwareSource } from './software.js';
export type { Fate, VectorRange, VectorSink, VectorSource, VectorTable } from './source.js';
