import { setImmediate as turn } from 'node:timers/promises';
import { type DmaBuffer, type PciDevice, VfioError } from '../../index.js';
import type { Dsa } from './device.js';
import * as dsa from './registers.js';

const TIMEOUT_MS = 5000;

/** A process that submits work through one portal. */
export class Submitter {
  readonly #dsa: Dsa;
  readonly #portal: number;
  readonly #record: DmaBuffer;

  constructor(device: PciDevice, driver: Dsa, portal: number) {
    this.#dsa = driver;
    this.#portal = portal;
    this.#record = device.dma.allocateSync(dsa.COMPLETION_SIZE);
  }

  /**
   * Submits a descriptor without an operation (no-op). The device raises an interrupt at
   * completion.
   *
   * @param handle - the interrupt handle
   * @param pasid - the value of the descriptor's PASID field; the device ignores this field
   * @returns the status of the completion record
   * @throws {@link VfioError} ETIMEDOUT if the device writes no completion record
   */
  async submitNoop(handle: number, pasid = 0): Promise<number> {
    const bytes = new Uint8Array(dsa.DESCRIPTOR_SIZE);
    const descriptor = new DataView(bytes.buffer);
    const flags = dsa.IDXD_OP_FLAG_CRAV | dsa.IDXD_OP_FLAG_RCR | dsa.IDXD_OP_FLAG_RCI;
    descriptor.setUint32(0, pasid, true);
    descriptor.setUint32(4, ((dsa.DSA_OPCODE_NOOP << 24) | flags) >>> 0, true);
    descriptor.setBigUint64(8, this.#record.iova, true);
    descriptor.setUint16(36, handle, true);
    const record = new Uint8Array(this.#record.buffer, 0, dsa.COMPLETION_SIZE);
    record.fill(0);
    this.#dsa.portals.writeBlock(this.#portal, bytes, 8);
    const until = performance.now() + TIMEOUT_MS;
    while (Atomics.load(record, 0) === 0) {
      if (performance.now() > until) {
        throw new VfioError({
          code: 'ETIMEDOUT',
          message: `no completion record within ${TIMEOUT_MS} ms`,
        });
      }
      await turn();
    }
    return record[0] ?? 0;
  }

  close(): void {
    this.#record.free();
  }
}
