/**
 * `vfio/mock`: the same, with imitations alone. Nothing native is loaded, so it runs wherever Node
 * does.
 *
 * @packageDocumentation
 */
import { mockBackend } from './backend/mock/index.js';
import { deviceApi } from './device/open.js';

export * from './device/index.js';
export * from './ims/index.js';
export * from './msix/index.js';
export * from './vectors/index.js';
export { createEventfd } from './backend/mock/index.js';

export const { openDevice, openDeviceSync, openConnection, listDevices } = deviceApi([mockBackend]);
