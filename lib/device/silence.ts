import { VFIO_PCI_CONFIG_REGION_INDEX } from '../contract/uapi.js';
import { decodeFields, REGISTERS } from '../pci/index.js';
import type { Handle } from './handle.js';
import type { IrqName } from './irq.js';

/** The offset of the command register in configuration space. */
const COMMAND = 0x04;

/**
 * Returns the reason why a device sends no interrupt, as far as the command register shows the
 * reason. Otherwise returns undefined.
 */
export function silenceHint(handle: Handle, irq: IrqName): string | undefined {
  const command = readCommand(handle);
  if (command === undefined) return undefined;
  if (command === 0xffff) {
    return 'The device does not respond: its configuration space reads as all ones.';
  }
  const { bus_master, intx_disable } = decodeFields(REGISTERS.command, command);
  if (irq === 'intx' && intx_disable === 1) {
    return "The bit intx_disable is set: device.config.update('command', { intx_disable: 0 }).";
  }
  if ((irq === 'msi' || irq === 'msix') && bus_master === 0) {
    return `Without the bit bus_master, the device sends no ${irq}: device.config.update('command', { bus_master: 1 }).`;
  }
  return undefined;
}

/** Reads the command register. If the read fails, the wait for the interrupt fails without a hint. */
function readCommand(handle: Handle): number | undefined {
  const bytes = new Uint8Array(2);
  try {
    const count = handle.connection.read(VFIO_PCI_CONFIG_REGION_INDEX, COMMAND, bytes);
    return count === 2 ? new DataView(bytes.buffer).getUint16(0, true) : undefined;
  } catch {
    return undefined;
  }
}
