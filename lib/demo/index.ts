import { type PciDevice, VfioError } from '../index.js';
import type { Demo } from './report.js';

export { describe } from './describe.js';
export type { Demo } from './report.js';

const CLASS_NVME = 0x010802;
const EDU = '1234:11e8';
const DSA = '8086:0b25';
const WLAN = '1234:574c';

/**
 * Finds the demo for a device by its class or its identifiers.
 *
 * @throws {@link VfioError} ENOTSUP if no demo drives the device
 */
export async function findDemo(device: PciDevice): Promise<Demo> {
  const { vendorId, deviceId, classCode } = device.config.header();
  const ids = [vendorId, deviceId].map((id) => id.toString(16).padStart(4, '0')).join(':');
  if (classCode === CLASS_NVME) return (await import('./nvme/demo.js')).nvmeDemo;
  if (ids === EDU) return (await import('./edu.js')).eduDemo;
  if (ids === DSA) return (await import('./dsa/demo.js')).dsaDemo;
  if (ids === WLAN) return (await import('./wlan.js')).wlanDemo;
  throw new VfioError({
    code: 'ENOTSUP',
    message: `there is no demo for device ${ids} of class ${classCode.toString(16).padStart(6, '0')}`,
    path: device.name,
    hint: "Try mock:nvme, mock:dsa, mock:wlan, an NVMe controller, or QEMU's edu.",
  });
}
