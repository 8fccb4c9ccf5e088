import { load, store } from '../hardware/config-bytes.js';
import { barFlags } from '../hardware/declare.js';
import type { HardwareFunction } from '../hardware/function.js';
import * as pci from '../hardware/pci.js';

const BARS = 6;

/**
 * Clears the address bits below the size of each BAR in the user's copy (vfio_bar_fixup()), and
 * restores the type bits. After a write to a BAR register, this function runs before the next read
 * of a BAR register.
 */
export function sizeBars(shadow: DataView, hardware: HardwareFunction): void {
  for (let index = 0; index < BARS; index++) {
    const offset = pci.PCI_BASE_ADDRESS_0 + 4 * index;
    const bar = hardware.bar(index);
    if (bar === undefined) {
      store(shadow, offset, 4, 0);
      continue;
    }
    const mask = BigInt.asUintN(64, -BigInt(bar.size));
    const flags = bar.kind === 'io' ? pci.PCI_BASE_ADDRESS_SPACE_IO : barFlags(bar);
    const low = load(shadow, offset, 4) & Number(mask & 0xffff_ffffn);
    store(shadow, offset, 4, low | flags);
    if (bar.kind === 'io' || bar.bits !== 64) continue;
    index++;
    store(shadow, offset + 4, 4, load(shadow, offset + 4, 4) & Number(mask >> 32n));
  }
  const { rom } = hardware;
  const mask = rom === null ? 0 : -rom.size | pci.PCI_ROM_ADDRESS_ENABLE;
  store(shadow, pci.PCI_ROM_ADDRESS, 4, load(shadow, pci.PCI_ROM_ADDRESS, 4) & mask);
}
