/** The driver under test: computes factorials with an edu device. */
import type { PciDevice, RegisterWindow, Vector } from 'vfio';

const IDENTIFICATION = 0x00;
const FACTORIAL = 0x08;
const STATUS = 0x20;
const STATUS_RAISE = 0x80;
const INTERRUPT_STATUS = 0x24;
const ACKNOWLEDGE = 0x64;

export class FactorialEngine {
  readonly #registers: RegisterWindow;
  readonly #vector: Vector;

  constructor(device: PciDevice) {
    device.config.update('command', { memory: 1, bus_master: 1 });
    this.#registers = device.bar(0).map();
    const id = this.#registers.read32(IDENTIFICATION);
    if ((id & 0xffff) !== 0x00ed)
      throw new Error(`not an edu device: identification 0x${id.toString(16)}`);
    this.#vector = device.interrupts.msi.request(0);
    this.#registers.write32(STATUS, STATUS_RAISE);
  }

  /**
   * Computes n!.
   * @param n - from 0 to 12; the result must fit into 32 bits
   */
  async compute(n: number, timeoutMs = 5000): Promise<number> {
    if (!Number.isInteger(n) || n < 0 || n > 12) throw new RangeError(`n is ${n}: use 0 to 12`);
    const arrived = this.#vector.next({ timeout: timeoutMs });
    this.#registers.write32(FACTORIAL, n);
    await arrived;
    this.#registers.write32(ACKNOWLEDGE, this.#registers.read32(INTERRUPT_STATUS));
    return this.#registers.read32(FACTORIAL);
  }
}
