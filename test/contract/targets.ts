import type { ExecutionContext } from 'ava';
import { openDevice, type OpenOptions, type PciDevice, type Vector } from 'vfio';

/**
 * The devices that the contract suite tests. In the lab, environment variables name real devices.
 * Without these variables, the tests use mock devices. No test distinguishes real devices from mock
 * devices.
 */
export const NVME = process.env.VFIO_LAB_NVME ?? 'mock:nvme';
export const EDU = process.env.VFIO_LAB_EDU ?? 'mock:edu';

/** Opens a device, runs a test, and closes the device. */
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

/** Enables memory decode and bus mastering, as a driver does at its start. */
export function enable(device: PciDevice): void {
  device.config.update('command', { memory: 1, bus_master: 1 });
}

/** Address of the memory in edu's DMA engine. */
export const EDU_BUFFER = 0x40000n;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const START = 1n;
const FROM_EDU = 2n;
const RAISE = 4n;
const INTERRUPT_ACK = 0x64;

/** Runs edu's DMA engine once, and waits for its interrupt. */
export async function transfer(
  device: PciDevice,
  vector: Vector,
  from: bigint,
  to: bigint,
  n: number,
) {
  using window = device.bar(0).map();
  const done = vector.next();
  window.write64(DMA_SOURCE, from);
  window.write64(DMA_DESTINATION, to);
  window.write64(DMA_COUNT, BigInt(n));
  window.write64(DMA_COMMAND, START | RAISE | (from === EDU_BUFFER ? FROM_EDU : 0n));
  await done;
  window.write32(INTERRUPT_ACK, 0xffff_ffff);
}
