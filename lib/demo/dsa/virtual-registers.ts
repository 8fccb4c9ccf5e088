import type { Width } from '../../index.js';
import { QUEUE_SIZE } from './device.js';
import type { GuestInterrupts } from './interrupts.js';
import * as dsa from './registers.js';
import { VirtualCommands } from './virtual-commands.js';
import type { VirtualQueue } from './virtual-queue.js';

/** Offsets of the guest's tables in BAR 0. */
const GRPCFG = 0x400;
const WQCFG = 0x500;
const MSIX_PERM = 0x5000;

/** The constant registers. A virtual DSA has one queue, one group, one engine and no message store. */
const CONSTANTS: ReadonlyMap<number, number> = new Map([
  [dsa.IDXD_VER_OFFSET, 0x100],
  [
    dsa.IDXD_GENCAP_OFFSET,
    dsa.GENCAP_CMD_CAP + dsa.GENCAP_EVL_SUPPORT + dsa.GENCAP_MAX_XFER_SHIFT + dsa.GENCAP_CONFIG_EN,
  ],
  [dsa.IDXD_WQCAP_OFFSET, QUEUE_SIZE | (1 << 16)],
  [dsa.IDXD_WQCAP_OFFSET + 4, dsa.WQCAP_DEDICATED_MODE],
  [dsa.IDXD_GRPCAP_OFFSET, 1],
  [dsa.IDXD_ENGCAP_OFFSET, 1],
  [
    dsa.IDXD_OPCAP_OFFSET,
    (1 << dsa.DSA_OPCODE_NOOP) | (1 << dsa.DSA_OPCODE_MEMMOVE) | (1 << dsa.DSA_OPCODE_MEMFILL),
  ],
  [dsa.IDXD_TABLE_OFFSET, GRPCFG / dsa.IDXD_TABLE_MULT + (WQCFG / dsa.IDXD_TABLE_MULT) * 2 ** 16],
  [dsa.IDXD_TABLE_OFFSET + 4, MSIX_PERM / dsa.IDXD_TABLE_MULT],
]);

/** Registers that only keep the written value. The virtual device logs no events. */
const STORED = [
  { offset: dsa.IDXD_GENCFG_OFFSET, size: 4 },
  { offset: dsa.IDXD_GENCTRL_OFFSET, size: 4 },
  { offset: dsa.IDXD_EVLCFG_OFFSET, size: 16 },
  { offset: dsa.IDXD_EVLSTATUS_OFFSET, size: 4 },
  { offset: GRPCFG, size: dsa.GRPCFG_SIZE },
];

/**
 * The registers of a virtual DSA, in BAR 0. Each access is split into words of 4 bytes. Writes of 1
 * or 2 bytes are dropped.
 */
export class VirtualRegisters {
  readonly #interrupts: GuestInterrupts;
  readonly #queue: VirtualQueue;
  readonly #commands: VirtualCommands;
  readonly #stored = new Map<number, number>();

  constructor(interrupts: GuestInterrupts, queue: VirtualQueue) {
    this.#interrupts = interrupts;
    this.#queue = queue;
    this.#commands = new VirtualCommands(interrupts, queue, () => {
      this.#stored.clear();
    });
  }

  /** Resets the guest's part of the device. */
  reset(): void {
    this.#stored.clear();
    this.#commands.reset();
    this.#interrupts.reset();
  }

  read(offset: number, width: Width): number | bigint {
    const word = this.#read(offset - (offset % 4));
    if (width === 8) return (BigInt(this.#read(offset + 4)) << 32n) | BigInt(word);
    const mask = 2 ** (8 * width) - 1;
    return ((word >>> (8 * (offset % 4))) & mask) >>> 0;
  }

  write(offset: number, width: Width, value: number | bigint): void {
    if (width === 8) {
      this.#write(offset, Number(BigInt(value) & 0xffff_ffffn));
      this.#write(offset + 4, Number(BigInt(value) >> 32n));
    } else if (width === 4) {
      this.#write(offset, Number(value));
    }
  }

  #read(offset: number): number {
    if (isIn(offset, WQCFG, dsa.WQCFG_SIZE)) {
      return this.#queue.readConfig((offset - WQCFG) / 4);
    }
    if (isIn(offset, MSIX_PERM, this.#interrupts.perm.size)) {
      return this.#interrupts.perm.read(offset - MSIX_PERM, 4);
    }
    switch (offset) {
      case dsa.IDXD_GENSTATS_OFFSET:
        return this.#commands.isEnabled ? 1 : 0;
      case dsa.IDXD_INTCAUSE_OFFSET:
        return this.#interrupts.cause;
      case dsa.IDXD_CMDSTS_OFFSET:
        return this.#commands.status;
      case dsa.IDXD_CMDCAP_OFFSET:
        return this.#commands.supported;
      default:
        return CONSTANTS.get(offset) ?? this.#stored.get(offset) ?? 0;
    }
  }

  #write(offset: number, value: number): void {
    if (isIn(offset, WQCFG, dsa.WQCFG_SIZE)) {
      this.#queue.writeConfig((offset - WQCFG) / 4, value);
    } else if (isIn(offset, MSIX_PERM, this.#interrupts.perm.size)) {
      this.#interrupts.perm.write(offset - MSIX_PERM, 4, value);
    } else if (offset === dsa.IDXD_INTCAUSE_OFFSET) {
      this.#interrupts.acknowledge(value);
    } else if (offset === dsa.IDXD_CMD_OFFSET) {
      this.#commands.run(value);
    } else if (STORED.some((range) => isIn(offset, range.offset, range.size))) {
      this.#stored.set(offset, value);
    }
  }
}

function isIn(offset: number, start: number, size: number): boolean {
  return offset >= start && offset < start + size;
}
