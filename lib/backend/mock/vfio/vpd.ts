import { load, store } from '../hardware/config-bytes.js';
import { PCI_VPD_ADDR, PCI_VPD_ADDR_F, PCI_VPD_DATA } from '../hardware/pci.js';

/**
 * Transfers 4 bytes of vital product data for the user and inverts the flag. If the transfer fails,
 * the flag does not change: the function has no data, or a write goes past the end of the data.
 *
 * @param start - offset of the capability
 */
export function transferVpd(shadow: DataView, start: number, data: Uint8Array | null): void {
  const control = load(shadow, start + PCI_VPD_ADDR, 2);
  const address = control & ~PCI_VPD_ADDR_F;
  if (data === null) return;
  if ((control & PCI_VPD_ADDR_F) !== 0) {
    if (address % 4 !== 0 || address + 4 > data.length) return;
    for (let i = 0; i < 4; i++) data[address + i] = shadow.getUint8(start + PCI_VPD_DATA + i);
  } else {
    for (let i = 0; i < 4; i++) store(shadow, start + PCI_VPD_DATA + i, 1, data[address + i] ?? 0);
  }
  store(shadow, start + PCI_VPD_ADDR, 2, control ^ PCI_VPD_ADDR_F);
}
