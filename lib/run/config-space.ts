import { VFIO_PCI_CONFIG_REGION_INDEX } from '../contract/uapi.js';

/** Offsets of the six BARs and of the ROM BAR in the header of a function. */
const BARS = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30];

/**
 * Returns bytes of a region in hex for a comparison. In configuration space, the addresses in the
 * BARs are removed. The host assigns these addresses, so they differ between two equal devices.
 */
export function withoutAddresses(region: number, offset: number, data: string): string {
  if (region !== VFIO_PCI_CONFIG_REGION_INDEX) return data;
  const bytes = Buffer.from(data, 'hex');
  for (const bar of BARS) {
    // The low four bits contain the type of the BAR.
    for (const [at, kept] of [0x0f, 0, 0, 0].entries()) {
      const index = bar + at - offset;
      if (index >= 0 && index < bytes.length) bytes[index] = (bytes[index] ?? 0) & kept;
    }
  }
  return bytes.toString('hex');
}
