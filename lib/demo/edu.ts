import { randomFillSync } from 'node:crypto';
import {
  defineRegisters,
  type DmaBuffer,
  type Message,
  type PciDevice,
  type RegisterAccessors,
  type Vector,
} from '../index.js';
import { checkMessages, writeVirtualMessage } from './messages.js';
import type { DemoReport } from './report.js';

/** Registers of QEMU's educational device (docs/specs/edu in QEMU). */
const EDU = {
  liveness: { offset: 0x04, width: 4 },
  factorial: { offset: 0x08, width: 4 },
  status: { offset: 0x20, width: 4, fields: { computing: 0, raise: 7 } },
  interrupts: { offset: 0x24, width: 4, access: 'ro' },
  acknowledge: { offset: 0x64, width: 4, access: 'wo' },
  source: { offset: 0x80, width: 8 },
  destination: { offset: 0x88, width: 8 },
  count: { offset: 0x90, width: 8 },
  command: { offset: 0x98, width: 8, fields: { start: 0, from_device: 1, raise: 2 } },
} as const;
const edu = defineRegisters('edu', EDU);
/** Address of the device's buffer in the address space of the DMA engine. */
const BUFFER = 0x40000n;
/**
 * Number of bytes to copy: half of the buffer. QEMU 7.2 aborts if a transfer fills the whole
 * buffer.
 */
const COPY_SIZE = 2048;
const PAGE = 4096;

/** Size of message data, in bytes. The device writes the data with one 32-bit write. */
const MESSAGE_SIZE = 4;
const MESSAGES = 10;

const OPERAND = 10;
const PROBE = 0x1234_5678;

/**
 * Drives the edu device by one MSI vector: starts work, waits for the interrupt and acknowledges
 * the interrupt.
 */
class Edu {
  interrupts = 0;

  constructor(
    readonly registers: RegisterAccessors<typeof EDU>,
    readonly vector: Vector,
  ) {}

  /** Starts work and waits for the interrupt that reports the end of the work. */
  async run(start: () => void): Promise<void> {
    const finished = this.vector.next();
    start();
    await finished;
    this.interrupts += 1;
    this.registers.acknowledge.value = this.registers.interrupts.value;
  }

  async factorial(n: number): Promise<number> {
    await this.run(() => {
      this.registers.status.write({ raise: 1 });
      this.registers.factorial.value = n;
    });
    return this.registers.factorial.value;
  }

  async copy(source: bigint, destination: bigint, size: number): Promise<void> {
    await this.run(() => {
      this.#transfer(source, destination, size, { raise: 1 });
    });
  }

  /**
   * Sends an interrupt message by DMA. The DMA write itself is the interrupt message. The transfer
   * raises no completion interrupt.
   */
  async send({ address, data }: Message, buffer: DmaBuffer): Promise<void> {
    new DataView(buffer.buffer).setUint32(0, data, true);
    this.#transfer(buffer.iova, BUFFER, MESSAGE_SIZE, { raise: 0 });
    await this.registers.command.until({ start: 0 });
    this.#transfer(BUFFER, address, MESSAGE_SIZE, { raise: 0 });
    await this.registers.command.until({ start: 0 });
  }

  #transfer(source: bigint, destination: bigint, size: number, flags: { raise: 0 | 1 }): void {
    this.registers.source.value = source;
    this.registers.destination.value = destination;
    this.registers.count.value = BigInt(size);
    const from_device = source === BUFFER ? 1 : 0;
    this.registers.command.write({ start: 1, from_device, ...flags });
  }
}

/**
 * Computes a factorial, copies random data to the device's buffer and back, and sends interrupt
 * messages by DMA.
 */
export async function eduDemo(device: PciDevice): Promise<DemoReport> {
  device.config.update('command', { memory: 1, bus_master: 1 });
  writeVirtualMessage(device);
  using window = device.bar(0).map();
  const registers = edu.on(window);
  const vector = device.interrupts.msi.request(0, { counts: true });
  const driver = new Edu(registers, vector);

  registers.liveness.value = PROBE;
  const alive = registers.liveness.value === ~PROBE >>> 0;
  const factorial = await driver.factorial(OPERAND);

  using written = await device.dma.allocate(COPY_SIZE, { access: 'read' });
  using read = await device.dma.allocate(COPY_SIZE, { access: 'write' });
  randomFillSync(written.bytes, 0, COPY_SIZE);
  await driver.copy(written.iova, BUFFER, COPY_SIZE);
  await driver.copy(BUFFER, read.iova, COPY_SIZE);
  const sent = written.bytes.subarray(0, COPY_SIZE);
  const equal = Buffer.compare(sent, read.bytes.subarray(0, COPY_SIZE)) === 0;

  using message = await device.dma.allocate(PAGE, { access: 'read' });
  const messages = await checkMessages(device, vector, MESSAGES, (physical) =>
    driver.send(physical, message),
  );

  const expected = Array.from({ length: OPERAND }, (_, n) => n + 1).reduce((a, b) => a * b);
  return {
    ok: alive && factorial === expected && equal && messages.ok,
    data: {
      alive,
      factorial: { of: OPERAND, value: factorial },
      dma: { bytes: COPY_SIZE, verified: equal },
      interrupts: { total: driver.interrupts },
      ...messages.data,
    },
    lines: [
      ['liveness', alive ? 'responds' : 'does NOT respond'],
      ['factorial', `${OPERAND}! = ${factorial}`],
      ['DMA', `${COPY_SIZE} bytes to the device and back ${equal ? 'unchanged' : 'CHANGED'}`],
      ['interrupts', `${driver.interrupts} by MSI`],
      ...messages.lines,
    ],
  };
}
