// Runs in the guest. Removes an open device from its slot without notice.
import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDevice, type VfioError } from 'vfio';

const STATUS = 6;
const FINISH = 500;

const name = process.env.VFIO_LAB_NVME ?? '';
const path = `/sys/bus/pci/devices/${name}`;

/**
 * Removes the device by a write to the register Slot Control. QEMU ejects a device when the power
 * of the slot is off. The slot's interrupts stay off until the power is on again. With the
 * interrupts on, the kernel would treat the removal as a requested removal.
 */
function pullOut(): void {
  const port = basename(dirname(realpathSync(path)));
  const writes = ['0000:0030', '0700:0700', '0100:0700', '0038:0038'];
  execFileSync('setpci', ['-s', port, ...writes.map((write) => `CAP_EXP+18.w=${write}`)]);
}

async function outcome(run: () => unknown): Promise<string> {
  try {
    return String(await run());
  } catch (error) {
    return (error as VfioError).code;
  }
}

const device = await openDevice(name);
const registers = device.bar(0).map();
const memory = await device.dma.allocate(4096);
const requested = new Promise<void>((resolve) => {
  if (process.env.DEFAULT !== undefined) return;
  device.interrupts.req.request().once('interrupt', () => {
    resolve();
  });
});
device.interrupts.msix.request(0);
console.log(`status ${device.config.read16(STATUS).toString(16)}`);
pullOut();
if (process.env.DEFAULT === undefined) {
  await requested;
  console.log('requested');
  await sleep(FINISH);
  const calls: Record<string, () => unknown> = {
    // A read of a missing device returns 0 in QEMU, and all ones on a real bus.
    register: () => [0, 0xffff_ffff].includes(registers.read32(8)),
    write: () => {
      registers.write32(0, 1);
    },
    status: () => device.config.read16(STATUS).toString(16),
    reset: () => device.reset(),
    interrupts: () => device.interrupts.msix.request(1).index,
    memory: () => {
      memory.free();
    },
    close: () => {
      device.close();
    },
  };
  for (const [call, run] of Object.entries(calls)) console.log(`${call}: ${await outcome(run)}`);
}
while (existsSync(path)) await sleep(10);
console.log(`gone, ${device.closed ? 'closed' : 'open'}`);
