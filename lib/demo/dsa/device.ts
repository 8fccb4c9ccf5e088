import { type Handles, type PciDevice, type RegisterWindow, VfioError } from '../../index.js';
import * as dsa from './registers.js';

/** A command times out after this number of reads of the register `CMDSTS`. */
const MAX_STATUS_READS = 100_000;
/** Number of entries of a work queue. */
export const QUEUE_SIZE = 16;

/** Mode of a work queue: shared, or dedicated to one PASID. */
export type QueueMode = { readonly dedicatedTo: number } | 'shared';

/**
 * A host driver for the DSA. The driver runs commands, enables work queues and requests handles of
 * the message store.
 */
export class Dsa implements Handles {
  readonly registers: RegisterWindow;
  readonly portals: RegisterWindow;
  /** Number of work queues. */
  readonly queues: number;
  /** Offsets of the tables in BAR 0, and the number of slots in the message store. */
  readonly tables: { readonly wqcfg: number; readonly ims: number; readonly slots: number };

  constructor(device: PciDevice) {
    this.registers = device.bar(0).map();
    this.portals = device.bar(2).map();
    const offsets = this.registers.read64(dsa.IDXD_TABLE_OFFSET);
    const table = (i: number) => Number((offsets >> BigInt(16 * i)) & 0xffffn) * 0x100;
    this.queues = Number((this.registers.read64(dsa.IDXD_WQCAP_OFFSET) >> 16n) & 0xffn);
    const multiplier = (this.registers.read64(dsa.IDXD_GENCAP_OFFSET) >> 25n) & 0x3fn;
    this.tables = { wqcfg: table(1), ims: table(3), slots: Number(multiplier) * 256 };
  }

  /**
   * Runs a command and waits until the command has ended.
   *
   * @returns the result of the command
   * @throws {@link VfioError} EIO if `CMDSTS` reports an error, ETIMEDOUT if the command does not
   *   end
   */
  runCommand(code: number, operand = 0): number {
    this.registers.write32(dsa.IDXD_CMD_OFFSET, (code << 20) | operand);
    for (let n = 0; n < MAX_STATUS_READS; n++) {
      const status = this.registers.read32(dsa.IDXD_CMDSTS_OFFSET);
      if (status >= dsa.IDXD_CMDSTS_ACTIVE) continue;
      if ((status & 0xff) === 0) return status >>> 8;
      const error = (status & 0xff).toString(16);
      throw new VfioError({ code: 'EIO', message: `command ${code} failed with 0x${error}` });
    }
    throw new VfioError({ code: 'ETIMEDOUT', message: `command ${code} did not end` });
  }

  /** @param size - number of entries of the queue; default {@link QUEUE_SIZE} */
  enableQueue(id: number, mode: QueueMode, size = QUEUE_SIZE): void {
    const base = this.tables.wqcfg + id * dsa.WQCFG_SIZE;
    let word = dsa.WQCFG_PASID_EN;
    if (mode !== 'shared') {
      word |= dsa.WQCFG_MODE_DEDICATED | (mode.dedicatedTo << dsa.WQCFG_PASID_SHIFT);
    }
    this.registers.write32(base, size);
    this.registers.write32(base + 8, word);
    this.runCommand(dsa.IDXD_CMD_ENABLE_WQ, id);
  }

  /** Runs a command on one queue, for example `IDXD_CMD_RESET_WQ`. */
  runQueueCommand(code: number, id: number): void {
    // The upper half of the operand selects 16 consecutive queues.
    this.runCommand(code, (Math.floor(id / 16) << 16) | (1 << (id % 16)));
  }

  /** Assigns the host PASID of a process to a 64-byte line of the shared portals. */
  assignPasid(line: number, pasid: number): void {
    this.registers.write32(dsa.SUBMITTER_OFFSET + 8 * line, dsa.SUBMITTER_VALID + pasid);
  }

  /**
   * Returns the offset of a portal in BAR 2. Descriptors written to this portal must contain
   * handles of the message store.
   */
  portalOffset(queue: number, line = 0): number {
    const page = queue * dsa.PORTALS_PER_WQ + dsa.PORTAL_IMS;
    return page * dsa.IDXD_PORTAL_SIZE + line * dsa.DESCRIPTOR_SIZE;
  }

  /** Requests the interrupt handle of a slot. */
  request(slot: number): number {
    return this.runCommand(dsa.IDXD_CMD_REQUEST_INT_HANDLE, dsa.CMD_INT_HANDLE_IMS | slot);
  }

  /** Releases the interrupt handle of a slot. */
  release(handle: number): void {
    this.runCommand(dsa.IDXD_CMD_RELEASE_INT_HANDLE, dsa.CMD_INT_HANDLE_IMS | handle);
  }
}
