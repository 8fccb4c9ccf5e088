import type { DeviceConnection } from '../contract/index.js';
import {
  IRQ_NAMES,
  regionName,
  VFIO_PCI_BAR5_REGION_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../contract/uapi.js';

/** Returns a hint with the names of the BARs of a device. */
export function presentBars(connection: DeviceConnection): string {
  const names: string[] = [];
  for (let index = 0; index <= VFIO_PCI_BAR5_REGION_INDEX; index++) {
    if (connection.getRegionInfo(index).size > 0n) names.push(regionName(index));
  }
  return names.length === 0 ? 'The device has no BAR.' : `The device has ${names.join(', ')}.`;
}

/** Returns the message for a kind of interrupt that a device lacks, with the kinds that it has. */
export function absentInterrupt(connection: DeviceConnection, irq: string): string {
  const kinds = IRQ_NAMES.slice(0, VFIO_PCI_MSIX_IRQ_INDEX + 1).filter(
    (_, index) => connection.getIrqInfo(index).count > 0,
  );
  return `the device has no ${irq}${kinds.length === 0 ? '' : `; the device has ${kinds.join(' and ')}`}`;
}
