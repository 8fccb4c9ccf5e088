import type { ExecutionContext } from 'ava';
import type { DeviceConnection } from '../../../../lib/contract/index.js';
import type { CapabilityShape } from '../../../../lib/backend/mock/hardware/model.js';
import type { KernelVersion } from '../../../../lib/backend/mock/machine/profile.js';
import { walkCapabilities } from '../../../../lib/pci/index.js';
import { CONFIG, connect, plainModel } from '../support.js';

export const EXPRESS = { name: 'pcie', offset: 0x40 } as const;

export function device(
  t: ExecutionContext,
  capabilities: readonly CapabilityShape[],
  kernel: KernelVersion = '7.2',
): DeviceConnection {
  return connect(t, plainModel(capabilities), undefined, { kernel });
}

export function image(connection: DeviceConnection): Uint8Array {
  const bytes = new Uint8Array(Number(connection.getRegionInfo(CONFIG).size));
  connection.read(CONFIG, 0, bytes);
  return bytes;
}

/** Returns the names of all capabilities, in the order of the linked lists. */
export function shown(connection: DeviceConnection): string[] {
  return walkCapabilities(image(connection)).map(({ name }) => name);
}

/** Writes all ones to each dword, and returns the values that the dwords then have. */
export function writeOnes(connection: DeviceConnection, from: number, dwords: number): number[] {
  return Array.from({ length: dwords }, (_, i) => {
    connection.store(CONFIG, from + 4 * i, 4, 0xffff_ffff);
    return connection.load(CONFIG, from + 4 * i, 4);
  });
}
