// Runs in the guest. Reads registers in a loop while the device is unplugged. After the host
// requests the device back, the program continues for a short time and then closes the device.
import { existsSync } from 'node:fs';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { openDevice, type VfioError } from 'vfio';

const VERSION = 8;
const ONES = 0xffff_ffff;
const GRACE = 500;

const name = process.env.VFIO_LAB_NVME ?? '';
const device = await openDevice(name);
const window = device.bar(0).map();
const version = window.read32(VERSION);
const other = new Set<number>();
let requested = Infinity;
device.interrupts.req.request().once('interrupt', () => {
  console.log('requested');
  requested = performance.now();
});
console.log('spinning');
while (performance.now() < requested + GRACE) {
  for (let n = 0; n < 10_000; n++) {
    const value = window.read32(VERSION);
    if (value !== version && value !== ONES) other.add(value);
    window.write32(VERSION, 0);
  }
  await turn();
}
console.log(`other answers: ${[...other].join()}`);
device.close();
try {
  window.read32(VERSION);
} catch (error) {
  console.log(`closed: ${(error as VfioError).code}`);
}
while (existsSync(`/sys/bus/pci/devices/${name}`)) await sleep(10);
console.log('gone');
