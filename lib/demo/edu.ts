import { randomFillSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DmaBuffer, Message, PciDevice, RegisterWindow, Vector } from '../index.js';
import { checkMessages, writeVirtualMessage } from './messages.js';
import type { DemoReport } from './report.js';

/** Registers of QEMU's educational device (docs/specs/edu in QEMU). */
const LIVENESS = 0x04;
const FACTORIAL = 0x08;
const STATUS = 0x20;
const STATUS_RAISE = 0x80;
const INTERRUPT_STATUS = 0x24;
const INTERRUPT_ACKNOWLEDGE = 0x64;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const DMA_START = 1n;
const DMA_FROM_DEVICE = 2n;
const DMA_RAISE = 4n;
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
    readonly registers: RegisterWindow,
    readonly vector: Vector,
  ) {}

  /** Starts work and waits for the interrupt that reports the end of the work. */
  async run(start: () => void): Promise<void> {
    const finished = this.vector.next();
    start();
    await finished;
    this.interrupts += 1;
    const status = this.registers.read32(INTERRUPT_STATUS);
    this.registers.write32(INTERRUPT_ACKNOWLEDGE, status);
  }

  async factorial(n: number): Promise<number> {
    await this.run(() => {
      this.registers.write32(STATUS, STATUS_RAISE);
      this.registers.write32(FACTORIAL, n);
    });
    return this.registers.read32(FACTORIAL);
  }

  async copy(source: bigint, destination: bigint, size: number): Promise<void> {
    const direction = source === BUFFER ? DMA_FROM_DEVICE : 0n;
    await this.run(() => {
      this.#transfer(source, destination, size, DMA_RAISE | direction);
    });
  }

  /**
   * Sends an interrupt message by DMA. The DMA write itself is the interrupt message. The transfer
   * raises no completion interrupt.
   */
  async send({ address, data }: Message, buffer: DmaBuffer): Promise<void> {
    new DataView(buffer.buffer).setUint32(0, data, true);
    this.#transfer(buffer.iova, BUFFER, MESSAGE_SIZE, 0n);
    await this.#waitForDma();
    this.#transfer(BUFFER, address, MESSAGE_SIZE, DMA_FROM_DEVICE);
    await this.#waitForDma();
  }

  #transfer(source: bigint, destination: bigint, size: number, flags: bigint): void {
    this.registers.write64(DMA_SOURCE, source);
    this.registers.write64(DMA_DESTINATION, destination);
    this.registers.write64(DMA_COUNT, BigInt(size));
    this.registers.write64(DMA_COMMAND, DMA_START | flags);
  }

  async #waitForDma(): Promise<void> {
    while ((this.registers.read64(DMA_COMMAND) & DMA_START) !== 0n) await sleep(1);
  }
}

/**
 * Computes a factorial, copies random data to the device's buffer and back, and sends interrupt
 * messages by DMA.
 */
export async function eduDemo(device: PciDevice): Promise<DemoReport> {
  device.config.update('command', { memory: 1, bus_master: 1 });
  writeVirtualMessage(device);
  using registers = device.bar(0).map();
  const vector = device.interrupts.msi.request(0, { counts: true });
  const edu = new Edu(registers, vector);

  registers.write32(LIVENESS, PROBE);
  const alive = registers.read32(LIVENESS) === ~PROBE >>> 0;
  const factorial = await edu.factorial(OPERAND);

  using written = await device.dma.allocate(COPY_SIZE, { access: 'read' });
  using read = await device.dma.allocate(COPY_SIZE, { access: 'write' });
  randomFillSync(written.bytes, 0, COPY_SIZE);
  await edu.copy(written.iova, BUFFER, COPY_SIZE);
  await edu.copy(BUFFER, read.iova, COPY_SIZE);
  const sent = written.bytes.subarray(0, COPY_SIZE);
  const equal = Buffer.compare(sent, read.bytes.subarray(0, COPY_SIZE)) === 0;

  using message = await device.dma.allocate(PAGE, { access: 'read' });
  const messages = await checkMessages(device, vector, MESSAGES, (physical) =>
    edu.send(physical, message),
  );

  const expected = Array.from({ length: OPERAND }, (_, n) => n + 1).reduce((a, b) => a * b);
  return {
    ok: alive && factorial === expected && equal && messages.ok,
    data: {
      alive,
      factorial: { of: OPERAND, value: factorial },
      dma: { bytes: COPY_SIZE, verified: equal },
      interrupts: { total: edu.interrupts },
      ...messages.data,
    },
    lines: [
      ['liveness', alive ? 'responds' : 'does NOT respond'],
      ['factorial', `${OPERAND}! = ${factorial}`],
      ['DMA', `${COPY_SIZE} bytes to the device and back ${equal ? 'unchanged' : 'CHANGED'}`],
      ['interrupts', `${edu.interrupts} by MSI`],
      ...messages.lines,
    ],
  };
}
