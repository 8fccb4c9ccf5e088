/**
 * Drives a mock device with one typical mistake, and hangs. Usage: hangs.js <mistake> [device]
 *
 * The NVMe driver is the smallest one: an admin queue whose completions arrive by a vector.
 */
import { openDevice, type PciDevice, type RegisterWindow } from '../../../lib/index.js';

const [mistake = '', name = 'mock:nvme'] = process.argv.slice(2);

const CC = 0x14;
const CSTS = 0x1c;
const AQA = 0x24;
const ASQ = 0x28;
const ACQ = 0x30;
const SQ0_TAIL = 0x1000;
const ENABLE = 0x460001;
const READY = 1;
const IDENTIFY = 0x06;
const ENTRY_SIZE = 16;
const VECTOR_CONTROL = 12;

const device = await openDevice(name);
const interval = setInterval(() => undefined, 1000);

/** Waits until the controller is ready, as a driver without a timeout. */
async function whenReady(registers: RegisterWindow): Promise<void> {
  while ((registers.read32(CSTS) & READY) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Identifies the controller. @returns when the completion has arrived */
async function identify(target: PciDevice, change: (registers: RegisterWindow) => void) {
  const registers = target.bar(0).map();
  const queues = target.dma.allocateSync(8192);
  const data = target.dma.allocateSync(4096);
  registers.write32(AQA, (1 << 16) | 1);
  registers.write64(ASQ, queues.iova);
  registers.write64(ACQ, queues.iova + 4096n);
  const vector = target.interrupts.msix.request(0);
  registers.write32(CC, ENABLE);
  await whenReady(registers);
  const command = new DataView(queues.buffer, 0, 64);
  command.setUint32(0, IDENTIFY, true);
  command.setBigUint64(24, data.iova, true);
  command.setUint32(40, 1, true);
  change(registers);
  registers.write32(SQ0_TAIL, 1);
  await vector.next();
}

const mistakes: Record<string, () => Promise<unknown>> = {
  async 'no bus master'() {
    await identify(device, () => undefined);
  },
  async 'bus master cleared'() {
    device.config.update('command', { memory: 1, bus_master: 1 });
    await identify(device, () => {
      device.config.update('command', { bus_master: 0 });
    });
  },
  async 'masked vector'() {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const { offset } = device.config.details('msix')?.table ?? { offset: 0 };
    await identify(device, (registers) => {
      registers.write32(offset + 0 * ENTRY_SIZE + VECTOR_CONTROL, 1);
    });
  },
  async 'poll in vain'() {
    device.config.update('command', { memory: 1, bus_master: 1 });
    // The driver has forgotten to set CC.EN.
    await whenReady(device.bar(0).map());
  },
  async 'no memory decode'() {
    device.config.update('command', { memory: 0, bus_master: 1 });
    const registers = device.bar(0).map();
    registers.write32(CC, ENABLE);
    while (registers.read32(CSTS) !== READY) await new Promise((r) => setTimeout(r, 1));
  },
  async 'unmapped IOVA'() {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const registers = device.bar(0).map();
    registers.write32(AQA, (1 << 16) | 1);
    registers.write64(ASQ, 0xdead_0000n);
    registers.write64(ACQ, 0xdead_1000n);
    const vector = device.interrupts.msix.request(0);
    registers.write32(CC, ENABLE);
    await whenReady(registers);
    registers.write32(SQ0_TAIL, 1);
    await vector.next();
  },
  async 'blocked in wait'() {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const vector = device.interrupts.msix.request(0);
    vector.on('interrupt', () => undefined);
    await Promise.resolve();
    device.interrupts.poll().wait(600_000);
  },
};

await mistakes[mistake]?.();
clearInterval(interval);
