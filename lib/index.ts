/**
 * `vfio`: drives PCI devices through Linux VFIO, and imitations of them.
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
 * Opens a device. What can block (the kernel resets the function) is done on another thread. When
 * the host wants it back it closes itself, unless the program takes that over: see
 * {@link HostRequest}.
 *
 * @param name - the address of a PCI function, `'0000:01:00.0'` or `'01:00.0'`; its vendor and
 *   device, `'8086:10d3'`, where the machine has only one such function; or an imitation,
 *   `'mock:nvme'`
 * @throws TypeError and RangeError for wrong arguments
 * @throws {@link VfioError} with a hint what to do: ENODEV (no such name, no IOMMU group), ENOENT
 *   (not bound to vfio-pci), EBUSY (the group is in use or not viable), EACCES and EPERM
 *   (permissions, VF token, unsafe interrupts), EAGAIN (another reset is under way)
 * @example
 * await using device = await openDevice('0000:01:00.0');
 */
export const openDevice = api.openDevice;

/** As {@link openDevice}, on this thread. */
export const openDeviceSync = api.openDeviceSync;

/**
 * Opens a device at the level of its file, one method an ioctl: for tools and VMMs that want no
 * policy. Names, options and errors are those of {@link openDevice}.
 */
export const openConnection = api.openConnection;

/** The PCI functions and imitations there are, without opening any: what sysfs tells of them. */
export const listDevices = api.listDevices;

/**
 * The name under which a device is opened, for what the user called it: addresses get their domain,
 * and a vendor and device the address of the one function that has them.
 *
 * @throws {@link VfioError} ENODEV if nothing is called so; EINVAL if several functions are
 * @example
 * resolveName('01:00.0'); // '0000:01:00.0'
 */
export const resolveName = api.resolveName;
