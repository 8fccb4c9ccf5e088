/**
 * `vfio`: drives PCI devices through Linux VFIO, and imitations of them.
 *
 * @packageDocumentation
 */
import { kernelBackend } from './backend/kernel/index.js';
import { mockBackend } from './backend/mock/index.js';
import { deviceApi } from './device/open.js';
import { observeBackend } from './observe/index.js';
import { observers } from './observers.js';

export * from './device/index.js';
export * from './ims/index.js';
export * from './message/index.js';
export * from './msix/index.js';
export * from './vectors/index.js';
export { createEventfd } from './backend/kernel/index.js';

export const { openDevice, openDeviceSync, openConnection, listDevices, resolveName } = deviceApi(
  [mockBackend, kernelBackend].map((backend) => observeBackend(backend, observers)),
);
