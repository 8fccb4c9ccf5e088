import type { DeviceConnection } from './index.js';

/**
 * The methods of a {@link DeviceConnection} that a server uses. A program can serve an object of its
 * own with these methods, for example a virtual function that shares a device with others.
 */
export type ServableDevice = Pick<
  DeviceConnection,
  | 'name'
  | 'addressSpace'
  | 'getInfo'
  | 'getRegionInfo'
  | 'getIrqInfo'
  | 'setIrqs'
  | 'read'
  | 'write'
  | 'load'
  | 'store'
  | 'regionFile'
  | 'reset'
>;
