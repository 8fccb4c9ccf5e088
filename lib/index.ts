/// <reference types="node" preserve="true" />
/**
 * The library `vfio` controls real PCI devices through Linux VFIO, mock devices, and the devices of
 * vfio-user servers.
 *
 * @module vfio
 */
import { kernelBackend } from './backend/kernel/index.js';
import { mockBackend } from './backend/mock/index.js';
import { vfioUserBackend } from './backend/vfio-user/index.js';
import { deviceApi } from './device/open.js';
import { observeBackend } from './observe/index.js';
import { observers } from './observe/observers.js';
import type { PciDevice } from './device/index.js';
import {
  type DeviceServer,
  type DeviceSource,
  namedDevice,
  openedDevice,
  serve,
  type ServableDevice,
  type ServeOptions,
} from './serve/index.js';

export * from './device/index.js';
export * from './registers/index.js';
export * from './structs/index.js';
export * from './virtual/ims/index.js';
export * from './virtual/message/index.js';
export * from './virtual/msix/index.js';
export * from './virtual/vectors/index.js';
export { createEventfd, signalEventfds } from './backend/kernel/index.js';
export type {
  DeviceServer,
  DeviceServerEvents,
  ResetCause,
  ServedClient,
  ServableDevice,
  ServeOptions,
  Trap,
} from './serve/index.js';

const api = deviceApi(
  [mockBackend, vfioUserBackend, kernelBackend].map((backend) =>
    observeBackend(backend, observers),
  ),
);

/**
 * Opens a device. The kernel resets the function while the function is opened. The reset can take a
 * long time, so another thread makes the system calls. If the host requests the device back, the
 * library closes the device. A program can also handle the request itself: see {@link HostRequest}.
 *
 * @param name - the address of a PCI function, for example `'0000:01:00.0'` or `'01:00.0'`. If a
 *   vendor id and a device id belong to only one function, `name` can be the two ids, for example
 *   `'8086:10d3'`. The name of a mock device begins with `'mock:'`, for example `'mock:nvme'`. The
 *   name of a device behind the socket of a vfio-user server is `'vfio-user:'` and the path of the
 *   socket, for example `'vfio-user:/run/nvme.sock'`.
 * @throws TypeError and RangeError for wrong arguments
 * @throws {@link VfioError} ENODEV if the name is unknown or the function has no IOMMU group
 * @throws {@link VfioError} ENOENT or ENODEV if the function is not bound to vfio-pci
 * @throws {@link VfioError} EBUSY if the group is in use or not viable
 * @throws {@link VfioError} EACCES or EPERM if the kernel refuses the permissions, the VF token or
 *   the interrupts
 * @throws {@link VfioError} EAGAIN if another reset is under way
 * @throws {@link VfioError} ENOENT, ENOTSOCK or ECONNREFUSED if no server listens at the socket;
 *   ECONNRESET if the server serves another client; ETIMEDOUT if the server does not answer
 * @example
 * await using device = await openDevice('0000:01:00.0');
 */
export const openDevice = api.openDevice;

/**
 * Opens a device like {@link openDevice}, but blocks the calling thread until the device is open.
 */
export const openDeviceSync = api.openDeviceSync;

/**
 * Opens a device without the policy of {@link openDevice}. Returns a connection with one method for
 * each ioctl of the VFIO device file. This function is for tools and VMMs (virtual machine
 * monitors), which have their own policy. The names, options and errors are the same as for
 * {@link openDevice}.
 */
export const openConnection = api.openConnection;

/** Lists the mock devices, and the PCI functions that sysfs describes. */
export const listDevices = api.listDevices;

/**
 * Returns the full name of a device. If `name` is an address without a domain, the result contains
 * the domain. If `name` is a vendor id and a device id, the result is the address of the function
 * with the two ids.
 *
 * @throws {@link VfioError} ENODEV if no device has this name; EINVAL if several functions have the
 *   two ids
 * @example
 * resolveName('01:00.0'); // '0000:01:00.0'
 */
export const resolveName = api.resolveName;

/**
 * Serves a device to another program through a Unix socket, by the protocol vfio-user. QEMU 10.1 and
 * newer gives the device to a guest as the device `vfio-user-pci`. The promise resolves when the
 * server listens. docs/vfio-user.md describes what a client can do.
 *
 * @param device - the name of a device, an open device, or an object with the methods of
 *   {@link ServableDevice}. The server opens a named device, and opens the device again for each
 *   client. The caller closes an open device after the server.
 * @throws TypeError for a wrong option, and RangeError for traps that overlap
 * @throws {@link VfioError} ENOENT if the device has no capability for `interrupts`; EINVAL if the
 *   capabilities or the MSI-X structures of `interrupts` do not fit the device
 * @throws {@link VfioError} EADDRINUSE if another program listens at the socket's path; EEXIST if the
 *   path is another kind of file; and the errors of {@link openDevice} for a name
 * @example
 * await using server = await serveDevice('mock:nvme', { socket: '/run/user/1000/nvme.sock' });
 * server.on('client', ({ pid }) => console.log(`serving process ${pid}`));
 */
export async function serveDevice(
  device: string | PciDevice | ServableDevice,
  options: ServeOptions,
): Promise<DeviceServer> {
  if (typeof device === 'string') {
    return serve(
      namedDevice(() => openConnection(device)),
      options,
    );
  }
  return serve('connection' in device ? openedPciDevice(device) : openedDevice(device), options);
}

/** The resets of a `PciDevice` call its method, because its parts must notice a reset. */
function openedPciDevice(device: PciDevice): DeviceSource {
  return openedDevice(device.connection, () => device.reset());
}
