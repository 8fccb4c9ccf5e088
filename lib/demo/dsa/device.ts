import { type Handles, type PciDevice, type RegisterWindow, VfioError } from '../../index.js';
import * as dsa from './registers.js';

/** Reads of CMDSTS before a command counts as stuck. */
const PATIENCE = 100_000;
const QUEUE_SIZE = 16;

/** A work queue of one submitter, whose PASID is in its configuration; or a shared one. */
export type QueueMode = { readonly dedicatedTo: number } | 'shared';

/** The host's driver of a DSA: commands, work queues, and handles of its message store. */
export class Dsa implements Handles {
  readonly registers: RegisterWindow;
  readonly portals: RegisterWindow;
  /** Where the tables are in BAR 0, and how many slots there are. */
  readonly tables: { readonly wqcfg: number; readonly ims: number; readonly slots: number };

  constructor(device: PciDevice) {
    this.registers = device.bar(0).map();
    this.portals = device.bar(2).map();
    const offsets = this.registers.read64(dsa.IDXD_TABLE_OFFSET);
    const table = (i: number) => Number((offsets >> BigInt(16 * i)) & 0xffffn) * 0x100;
    const multiplier = (this.registers.read64(dsa.IDXD_GENCAP_OFFSET) >> 25n) & 0x3fn;
    this.tables = { wqcfg: table(1), ims: table(3), slots: Number(multiplier) * 256 };
  }

  /**
   * Runs a command to its end. @returns its result
   * @throws {@link VfioError} EIO with the error of CMDSTS; ETIMEDOUT
   */
  command(code: number, operand = 0): number {
    this.registers.write32(dsa.IDXD_CMD_OFFSET, (code << 20) | operand);
    for (let n = 0; n < PATIENCE; n++) {
      const status = this.registers.read32(dsa.IDXD_CMDSTS_OFFSET);
      if (status >= dsa.IDXD_CMDSTS_ACTIVE) continue;
      if ((status & 0xff) === 0) return status >>> 8;
      const error = (status & 0xff).toString(16);
      throw new VfioError({ code: 'EIO', message: `command ${code} failed with 0x${error}` });
    }
    throw new VfioError({ code: 'ETIMEDOUT', message: `command ${code} does not end` });
  }

  enableQueue(id: number, mode: QueueMode): void {
    const base = this.tables.wqcfg + id * dsa.WQCFG_SIZE;
    let word = dsa.WQCFG_PASID_EN;
    if (mode !== 'shared') {
      word |= dsa.WQCFG_MODE_DEDICATED | (mode.dedicatedTo << dsa.WQCFG_PASID_SHIFT);
    }
    this.registers.write32(base, QUEUE_SIZE);
    this.registers.write32(base + 8, word);
    this.command(dsa.IDXD_CMD_ENABLE_WQ, id);
  }

  /** The portal of a process: a line of a queue's portals, with the PASID of its CPU. */
  assign(line: number, pasid: number): void {
    this.registers.write32(dsa.SUBMITTER_OFFSET + 8 * line, dsa.SUBMITTER_VALID + pasid);
  }

  /** Where descriptors are written that name slots of the message store. */
  portal(queue: number, line = 0): number {
    const page = queue * dsa.PORTALS_PER_WQ + dsa.PORTAL_IMS;
    return page * dsa.IDXD_PORTAL_SIZE + line * dsa.DESCRIPTOR_SIZE;
  }

  /** The handle of a slot. */
  request(slot: number): number {
    return this.command(dsa.IDXD_CMD_REQUEST_INT_HANDLE, dsa.CMD_INT_HANDLE_IMS | slot);
  }

  release(handle: number): void {
    this.command(dsa.IDXD_CMD_RELEASE_INT_HANDLE, dsa.CMD_INT_HANDLE_IMS | handle);
  }
}
