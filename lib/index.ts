/**
 * `vfio` drives mock devices, and real PCI devices through Linux VFIO.
 *
 * @packageDocumentation
 */
import { kernelBackend } from './backend/kernel/index.js';
import { mockBackend } from './backend/mock/index.js';
import { deviceApi } from './device/open.js';
import { observeBackend } from './observe/index.js';
import { observers } from './observe/observers.js';

export * from './device/index.js';
export * from './virtual/ims/index.js';
export * from './virtual/message/index.js';
export * from './virtual/msix/index.js';
export * from './virtual/vectors/index.js';
export { createEventfd, signalEventfds } from './backend/kernel/index.js';

const api = deviceApi(
  [mockBackend, kernelBackend].map((backend) => observeBackend(backend, observers)),
);

/**
 * Opens a device. The kernel resets the function at opening. The reset can block, so another thread
 * makes the system calls. If the host requests the device back, the device closes itself. A program
 * can handle the request instead: see {@link HostRequest}.
 *
 * @param name - the address of a PCI function, `'0000:01:00.0'` or `'01:00.0'`; vendor and device
 *   ids, `'8086:10d3'`, if the machine has only one such function; or a mock device, `'mock:nvme'`
 * @throws TypeError and RangeError for wrong arguments
 * @throws {@link VfioError} with a hint: ENODEV (unknown name, or no IOMMU group), ENOENT (not
 *   bound to vfio-pci), EBUSY (the group is in use or not viable), EACCES and EPERM (permissions,
 *   VF token, unsafe interrupts), EAGAIN (another reset is under way)
 * @example
 * await using device = await openDevice('0000:01:00.0');
 */
export const openDevice = api.openDevice;

/**
 * Opens a device like {@link openDevice}, but blocks the calling thread until the device is open.
 */
export const openDeviceSync = api.openDeviceSync;

/**
 * Opens a device at the level of its device file, with one method for each ioctl. Tools and VMMs
 * use this function to avoid the policy of {@link openDevice}. Names, options and errors are those
 * of {@link openDevice}.
 */
export const openConnection = api.openConnection;

/** Lists the mock devices, and the PCI functions of the machine as described by sysfs. */
export const listDevices = api.listDevices;

/**
 * Returns the full name of a device. An address without a domain gets its domain. Vendor and device
 * ids become the address of the function that has these ids.
 *
 * @throws {@link VfioError} ENODEV if no device has the name; EINVAL if several functions have the
 *   ids
 * @example
 * resolveName('01:00.0'); // '0000:01:00.0'
 */
export const resolveName = api.resolveName;
