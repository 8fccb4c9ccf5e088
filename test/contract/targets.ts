import type { ExecutionContext } from 'ava';
import { openDevice, type OpenOptions, type PciDevice } from 'vfio';

/**
 * The devices the contract is held against: the lab names real ones by environment variables,
 * elsewhere their imitations take their place. A test never asks which it has.
 */
export const NVME = process.env.VFIO_LAB_NVME ?? 'mock:nvme';
export const EDU = process.env.VFIO_LAB_EDU ?? 'mock:edu';

/** Opens a device for the time of a test. */
export async function withDevice(
  t: ExecutionContext,
  name: string,
  body: (device: PciDevice) => unknown,
  options: OpenOptions = {},
): Promise<void> {
  const device = await openDevice(name, options);
  t.log(`${name} via ${device.via}`);
  try {
    await body(device);
  } finally {
    device.close();
  }
}

/** Memory and bus mastering on, as every driver begins. */
export function enable(device: PciDevice): void {
  device.config.update('command', { memory: 1, bus_master: 1 });
}
