import { defineRegisters } from '../../../../registers/index.js';
import { modelRegisters } from '../../hardware/model-registers.js';
import type { DeviceHost, Register } from '../../hardware/model.js';
import { DmaFault } from '../../machine/dma-fault.js';

/**
 * The registers that all layouts of the wireless adapter have.
 *
 * - `sources`: number of private sources
 * - `raise`: writing n raises private source n
 * - `raise_vector`: writing n sends MSI vector n
 * - `sent`: number of messages that private sources have sent
 * - `faults`: number of messages that failed because of an IOMMU fault, or because bus mastering is
 *   disabled
 */
const SENDER = defineRegisters('wlan', {
  identification: { offset: 0x00, width: 4, access: 'ro', reset: 0x574c_0001 },
  sources: { offset: 0x04, width: 4, access: 'ro' },
  raise: { offset: 0x08, width: 4, access: 'wo' },
  raise_vector: { offset: 0x0c, width: 4, access: 'wo' },
  sent: { offset: 0x10, width: 4, access: 'ro' },
  faults: { offset: 0x14, width: 4, access: 'ro' },
});

/** Sends messages, and has the registers that all layouts of the wireless adapter have. */
export class Sender {
  readonly #host: DeviceHost;
  readonly #card = modelRegisters(SENDER);

  /** @param raise - raises a private source */
  constructor(host: DeviceHost, sources: number, raise: (source: number) => void) {
    this.#host = host;
    const { regs } = this.#card;
    regs.sources.onRead(() => sources);
    regs.raise.onWrite((source) => {
      host.defer(() => {
        raise(source);
      });
    });
    regs.raise_vector.onWrite((vector) => {
      host.defer(() => {
        host.signal(vector);
      });
    });
  }

  get registers(): readonly Register[] {
    return this.#card.registers;
  }

  reset(): void {
    this.#card.reset();
  }

  /** Sends a message unchanged. */
  send({ low, high, data }: { low: number; high: number; data: number }): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, data, true);
    try {
      this.#host.dmaWrite((BigInt(high) << 32n) | BigInt(low), bytes);
      this.#card.regs.sent.value++;
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      this.#card.regs.faults.value++;
    }
  }
}
