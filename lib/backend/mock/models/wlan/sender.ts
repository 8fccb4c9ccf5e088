import type { DeviceHost, NarrowRegister } from '../../hardware/model.js';
import { DmaFault } from '../../machine/dma-fault.js';

/**
 * The registers that all layouts of the wireless adapter have.
 *
 * - 0x00, identification: 0x574c0001
 * - 0x04, number of private sources
 * - 0x08, raise: writing n raises private source n
 * - 0x0c, raise vector: writing n sends MSI vector n
 * - 0x10, sent: number of messages that private sources have sent
 * - 0x14, faults: number of messages that failed because of an IOMMU fault, or because bus
 *   mastering is disabled
 */
export class Sender {
  readonly registers: readonly NarrowRegister[];
  readonly #host: DeviceHost;
  #sent = 0;
  #faults = 0;

  /** @param raise - raises a private source */
  constructor(host: DeviceHost, sources: number, raise: (source: number) => void) {
    this.#host = host;
    const fixed = (offset: number, name: string, read: () => number): NarrowRegister => ({
      offset,
      name,
      width: 4,
      read,
    });
    const command = (offset: number, name: string, run: (value: number) => void) =>
      ({
        offset,
        name,
        width: 4,
        write: (value) => {
          host.defer(() => {
            run(value);
          });
        },
      }) satisfies NarrowRegister;
    this.registers = [
      fixed(0x00, 'identification', () => 0x574c_0001),
      fixed(0x04, 'private sources', () => sources),
      command(0x08, 'raise', raise),
      command(0x0c, 'raise vector', (vector) => {
        host.signal(vector);
      }),
      fixed(0x10, 'sent', () => this.#sent),
      fixed(0x14, 'faults', () => this.#faults),
    ];
  }

  reset(): void {
    this.#sent = 0;
    this.#faults = 0;
  }

  /** Sends a message unchanged. */
  send({ low, high, data }: { low: number; high: number; data: number }): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, data, true);
    try {
      this.#host.dmaWrite((BigInt(high) << 32n) | BigInt(low), bytes);
      this.#sent++;
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      this.#faults++;
    }
  }
}
