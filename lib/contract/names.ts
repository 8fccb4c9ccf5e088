/**
 * Parses and formats names of devices, for example `'0000:01:00.0'`, `'8086:10d3'` and
 * `'mock:nvme'`.
 */

/** The names of mock devices begin with this prefix. */
export const MOCK_PREFIX = 'mock:';

/** The name of a device behind a vfio-user socket is this prefix and the path of the socket. */
export const VFIO_USER_PREFIX = 'vfio-user:';

const ADDRESS = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;
const IDS = /^([0-9a-f]{4}):([0-9a-f]{4})$/i;

export function isMockName(name: string): boolean {
  return name.startsWith(MOCK_PREFIX);
}

/**
 * Returns the name of a virtual function of a mock device.
 *
 * @param name - the name of the physical function, with the setting `vfs`: `'mock:nvme?vfs=2'`
 * @returns for example `'mock:nvme?vfs=2&vf=0'`; null for every other name
 */
export function mockVirtualFunction(name: string, index: number): string | null {
  return isMockName(name) && /[?&]vfs=/.test(name) ? `${name}&vf=${index}` : null;
}

export function isVfioUserName(name: string): boolean {
  return name.startsWith(VFIO_USER_PREFIX);
}

/**
 * Parses the address of a PCI function. Returns the address as the kernel spells it, in lower case
 * and with the domain.
 *
 * @param name - for example `'0000:01:00.0'`, or `'01:00.0'` for a function in domain 0000
 * @returns the address, or null if `name` is not the address of a PCI function
 */
export function parseAddress(name: string): string | null {
  const parts = ADDRESS.exec(name);
  if (parts === null) return null;
  const [, domain = '0000', bus, device, fn] = parts;
  return `${domain}:${bus}:${device}.${fn}`.toLowerCase();
}

/** Returns the address of the PCI function that a struct vfio_pci_dependent_device describes. */
export function formatAddress(segment: number, bus: number, devfn: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  return `${hex(segment, 4)}:${hex(bus, 2)}:${hex(devfn >> 3, 2)}.${devfn & 7}`;
}

/** The vendor id and the device id of a PCI function. Each id has 16 bits. */
export interface Ids {
  readonly vendorId: number;
  readonly deviceId: number;
}

/**
 * Parses a name that consists of a vendor id and a device id, for example `'8086:10d3'`.
 * @returns null if `name` does not consist of two ids
 */
export function parseIds(name: string): Ids | null {
  const parts = IDS.exec(name);
  if (parts === null) return null;
  const [, vendor = '', device = ''] = parts;
  return { vendorId: parseInt(vendor, 16), deviceId: parseInt(device, 16) };
}
