// Runs in the guest. Resets the bus of two functions and checks both functions.
import { realpathSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDevice, type PciDevice, type VfioError } from 'vfio';

const CC = 0x14;
const CSTS = 0x1c;
const COMMAND_REGISTER = 4;
/**
 * Value of the NVMe controller configuration: enabled, with submission entries of 64 bytes and
 * completion entries of 16 bytes.
 */
const ENABLE = 0x0046_0001;
const READY = 1;

const first = process.env.VFIO_LAB_NVME ?? '';
const second = first.replace(/0$/, '1');

function outcome(run: () => void): string {
  try {
    run();
    return 'done';
  } catch (error) {
    return (error as VfioError).code;
  }
}

/** Starts a controller without I/O queues. A reset stops the controller. */
async function start(device: PciDevice): Promise<() => string> {
  device.config.update('command', { memory: 1, bus_master: 1 });
  const registers = device.bar(0).map();
  registers.write32(CC, ENABLE);
  while ((registers.read32(CSTS) & READY) === 0) await sleep(1);
  return () =>
    `${registers.read32(CC).toString(16)} ${device.config.read16(COMMAND_REGISTER).toString(16)}`;
}

/**
 * Returns the flags and the ids of the hot reset information. The number of a group differs between
 * runs, so a group id is replaced by whether it equals the first id.
 */
function ids(device: PciDevice): string {
  const { flags, devices: affected } = device.hotResetInfo();
  const list = affected.map(({ id }) => (flags === 0 ? id === affected[0]?.id : id));
  return `${flags} ${list.join()}`;
}

const one = await openDevice(first);
const { devices } = one.hotResetInfo();
console.log(`affected: ${devices.map(({ name }) => name === first || name === second).join()}`);
const alone = outcome(() => {
  one.hotReset();
});
console.log(`the other has no driver: ${alone}`);
const path = `/sys/bus/pci/devices/${second}`;
writeFileSync(`${path}/driver_override`, 'vfio-pci');
writeFileSync('/sys/bus/pci/drivers_probe', second);
console.log(
  `group: ${realpathSync(`${path}/iommu_group`) === realpathSync(`/sys/bus/pci/devices/${first}/iommu_group`)}`,
);
const notOpen = outcome(() => {
  one.hotReset();
});
console.log(`the other is not open: ${ids(one)} ${notOpen}`);
const other = await openDevice(second);
console.log(`both are open: ${ids(one)}`);
const states = [await start(one), await start(other)];
console.log(`before: ${states.map((state) => state()).join(', ')}`);
const together = outcome(() => {
  one.hotReset([other]);
});
console.log(`together: ${together}`);
console.log(`after: ${states.map((state) => state()).join(', ')}`);
const vector = other.interrupts.msix.request(0);
const next = vector.next();
vector.trigger();
console.log(`interrupts: ${await next}`);
one.close();
console.log(`the first is closed: ${ids(other)}`);
other.close();
