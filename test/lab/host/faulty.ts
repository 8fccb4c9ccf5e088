// Runs in the guest: a device reports an error that QEMU injects, and another one is pulled out
// without a word before. Prints what the program is told.
import { existsSync, readFileSync, realpathSync, writeSync, openSync, closeSync } from 'node:fs';
import { dirname } from 'node:path';
import { openDevice, VfioError } from 'vfio';
import { walkCapabilities } from '../../../lib/pci/index.js';

const SLOT_CONTROL = 0x18;
/** Power controller and power indicator, both off. */
const POWER_OFF = 0x0700;

async function reportsAnError(name: string): Promise<void> {
  const device = await openDevice(name);
  // Before Linux 6.2 it is the driver's business to have errors reported.
  device.config.update('pcie.device_control', {
    non_fatal_error_reporting: 1,
    fatal_error_reporting: 1,
  });
  const error = device.interrupts.err.request().next();
  console.log('waiting for ERR');
  await error;
  console.log(`ERR, and identifiers ${device.config.read32(0).toString(16)}`);
  device.close();
}

/** Takes the power from the slot of a device, behind the back of the kernel's driver for it. */
function pullOut(name: string): void {
  const port = `${dirname(realpathSync(`/sys/bus/pci/devices/${name}`))}/config`;
  const pcie = walkCapabilities(readFileSync(port)).find((one) => one.name === 'pcie');
  const fd = openSync(port, 'r+');
  const bytes = Uint8Array.of(POWER_OFF & 0xff, POWER_OFF >> 8);
  writeSync(fd, bytes, 0, 2, (pcie?.offset ?? 0) + SLOT_CONTROL);
  closeSync(fd);
}

/** What a call does: the code of its error, or its result. */
async function outcome(what: string, call: () => unknown): Promise<void> {
  try {
    const result = await call();
    const text = typeof result === 'number' ? result.toString(16) : typeof result;
    console.log(`${what}: ${text}`);
  } catch (error) {
    console.log(`${what}: ${error instanceof VfioError ? error.code : String(error)}`);
  }
}

async function isPulledOut(name: string): Promise<void> {
  const device = await openDevice(name);
  device.config.update('command', { memory: 1, bus_master: 1 });
  const window = device.bar(0).map();
  const buffer = await device.dma.allocate(4096);
  const vector = device.interrupts.msix.request(0);
  const asked = device.interrupts.req.request().next();
  console.log(`version ${window.read32(8).toString(16)}`);
  pullOut(name);
  await asked;
  console.log('REQ');
  await outcome('config', () => device.config.read32(0));
  await outcome('config write', () => {
    device.config.write16(4, 6);
  });
  await outcome('register', () => window.read32(8));
  await outcome('register write', () => {
    window.write32(0x14, 1);
  });
  await outcome('file', () => device.bar(0).load(8, 4));
  await outcome('reset', () => device.reset());
  await outcome('another vector', () => device.interrupts.msix.request(1));
  await outcome('mapping', () => device.dma.allocateSync(4096));
  await outcome('interrupt', () => {
    vector.close();
  });
  await outcome('unmapping', () => {
    buffer.free();
  });
  await outcome('low power', () => {
    device.features.enterLowPower();
  });
  await outcome('close', () => {
    device.close();
  });
  await outcome('open', () => openDevice(name));
  console.log(`in sysfs: ${existsSync(`/sys/bus/pci/devices/${name}`)}`);
}

await reportsAnError(process.env.VFIO_LAB_E1000E ?? '');
await isPulledOut(process.env.VFIO_LAB_NVME ?? '');
