import { setImmediate as turn } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { PciDevice } from 'vfio';
import { NVME, withDevice } from './targets.js';

const ONES = 0xffff_ffff;
const NVME_VERSION = 8;
const NVME_ADMIN_QUEUES = 0x24;

/**
 * Checks that a mapping reads all ones and drops writes while the device does not respond, and
 * recovers afterwards.
 * @param take - makes the memory of the device unreachable
 * @param bringBack - restores the access
 */
export async function checkLostWindow(
  t: ExecutionContext,
  take: (device: PciDevice) => void,
  bringBack: (device: PciDevice) => void,
): Promise<void> {
  await withDevice(t, NVME, async (device) => {
    using window = device.bar(0).map();
    const events: string[] = [];
    window.on('lost', () => events.push('lost')).on('restored', () => events.push('restored'));
    const version = window.read32(NVME_VERSION);
    const queues = window.read32(NVME_ADMIN_QUEUES);
    take(device);
    for (let n = 0; n < 3; n += 1) {
      window.write32(NVME_ADMIN_QUEUES, ~queues);
      t.true(window.lost);
      t.is(window.read32(NVME_ADMIN_QUEUES), ONES);
      t.is(window.read8(NVME_VERSION), 0xff);
      t.is(window.read64(0), 2n ** 64n - 1n);
      const block = new Uint8Array(8);
      window.readBlock(0, block, 4);
      t.deepEqual([...block], new Array(8).fill(0xff));
      window.writeBlock(NVME_ADMIN_QUEUES, block.subarray(4), 4);
    }
    await turn();
    t.deepEqual(events, ['lost']);
    bringBack(device);
    t.is(window.read32(NVME_VERSION), version);
    t.false(window.lost);
    t.is(window.read32(NVME_ADMIN_QUEUES), queues);
    await turn();
    t.deepEqual(events, ['lost', 'restored']);
  });
}
