const ADDRESS = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;

/**
 * The kernel's name of a PCI function: lower case, with its domain.
 *
 * @param name - `'0000:01:00.0'`, or `'01:00.0'` for a function of domain 0000
 * @returns null if it is not the address of a PCI function
 */
export function parseAddress(name: string): string | null {
  const parts = ADDRESS.exec(name);
  if (parts === null) return null;
  const [, domain = '0000', bus, device, fn] = parts;
  return `${domain}:${bus}:${device}.${fn}`.toLowerCase();
}

/** The name of a function told by numbers, as struct vfio_pci_dependent_device does. */
export function formatAddress(segment: number, bus: number, devfn: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  return `${hex(segment, 4)}:${hex(bus, 2)}:${hex(devfn >> 3, 2)}.${devfn & 7}`;
}
