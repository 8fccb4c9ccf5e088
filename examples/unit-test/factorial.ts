/** The driver under test: computes factorials with an edu device. */
import { defineRegisters, type PciDevice, type Vector } from 'vfio';

const edu = defineRegisters('edu', {
  identification: { offset: 0x00, width: 4, access: 'ro', fields: { kind: [15, 0] } },
  factorial: { offset: 0x08, width: 4 },
  status: { offset: 0x20, width: 4, fields: { computing: 0, raise: 7 } },
  interrupts: { offset: 0x24, width: 4, access: 'ro' },
  acknowledge: { offset: 0x64, width: 4, access: 'wo' },
});

export class FactorialEngine {
  readonly #registers: ReturnType<typeof edu.on>;
  readonly #vector: Vector;

  constructor(device: PciDevice) {
    device.config.update('command', { memory: 1, bus_master: 1 });
    this.#registers = edu.on(device.bar(0).map());
    const { kind } = this.#registers.identification.read();
    if (kind !== 0x00ed)
      throw new Error(`not an edu device: identification 0x${kind.toString(16)}`);
    this.#vector = device.interrupts.msi.request(0);
    this.#registers.status.write({ raise: 1 });
  }

  /**
   * Computes n!.
   * @param n - from 0 to 12; the result must fit into 32 bits
   */
  async compute(n: number, timeoutMs = 5000): Promise<number> {
    if (!Number.isInteger(n) || n < 0 || n > 12) throw new RangeError(`n is ${n}: use 0 to 12`);
    const arrived = this.#vector.next({ timeout: timeoutMs });
    this.#registers.factorial.value = n;
    await arrived;
    this.#registers.acknowledge.value = this.#registers.interrupts.value;
    return this.#registers.factorial.value;
  }
}
