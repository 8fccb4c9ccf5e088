import { load, store } from '../hardware/config-bytes.js';
import { PCI_VPD_ADDR, PCI_VPD_ADDR_F, PCI_VPD_DATA } from '../hardware/pci.js';

/**
 * Transfers 4 bytes of vital product data for the user, then inverts the flag F. If the transfer
 * fails, the flag does not change. A transfer fails if the function has no vital product data, or
 * if a write exceeds the data.
 *
 * @param start - offset of the VPD capability
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
