/** Sources of the interrupts that a virtual MSI-X table delivers. */
export type { EventfdFactory } from '../../contract/index.js';
export { DeviceHostVectors, type DeviceHostVectorsOptions } from './device-host-vectors.js';
export { ImsSource, type ImsSourceOptions } from './ims.js';
export { PhysicalSource, type PhysicalOptions } from './physical.js';
export { SoftwareSource } from './software.js';
export type {
  SignalOutcome,
  VectorRange,
  VectorSink,
  VectorSource,
  VectorTable,
} from './source.js';
