import type { MemoryBlock, Register } from '../../hardware/model.js';
import * as dsa from './registers.js';

/**
 * Number of slots in the interrupt message store. GENCAP contains this number in units of 256
 * slots.
 */
export const SLOTS = 256;
export const QUEUES = 8;
/** Vector 0 is the misc interrupt. Linux requests one further vector for each queue. */
export const VECTORS = QUEUES + 1;
/** Total number of work queue entries. All work queues of the device share these entries. */
export const WQ_SIZE = 128;
/** log2 of the longest transfer in bytes. */
export const MAX_TRANSFER_SHIFT = 21;

const OPCODES = [
  dsa.DSA_OPCODE_NOOP,
  dsa.DSA_OPCODE_DRAIN,
  dsa.DSA_OPCODE_MEMMOVE,
  dsa.DSA_OPCODE_MEMFILL,
];
const TABLES = [dsa.GRPCFG_OFFSET, dsa.WQCFG_OFFSET, dsa.MSIX_PERM_OFFSET, dsa.IMS_OFFSET];

/** Creates the registers that describe the capabilities of the device. */
export function capabilities(): (Register | MemoryBlock)[] {
  const constant = (offset: number, name: string, value: bigint): Register => ({
    offset,
    name,
    width: 8,
    read: () => value,
  });
  const transfer = BigInt(MAX_TRANSFER_SHIFT) << dsa.GENCAP_MAX_XFER_SHIFT_SHIFT;
  const slots = BigInt(SLOTS / 256) << dsa.GENCAP_MAX_IMS_MULT_SHIFT;
  const modes = dsa.WQCAP_SHARED_MODE | dsa.WQCAP_DEDICATED_MODE;
  return [
    { offset: dsa.IDXD_VER_OFFSET, name: 'VERSION', width: 4, read: () => 0x100 },
    constant(
      dsa.IDXD_GENCAP_OFFSET,
      'GENCAP',
      dsa.GENCAP_CMD_CAP | dsa.GENCAP_EVL_SUPPORT | transfer | slots | dsa.GENCAP_CONFIG_EN,
    ),
    constant(dsa.IDXD_WQCAP_OFFSET, 'WQCAP', BigInt(WQ_SIZE | (QUEUES << 16)) | modes),
    constant(dsa.IDXD_GRPCAP_OFFSET, 'GRPCAP', 1n),
    constant(dsa.IDXD_ENGCAP_OFFSET, 'ENGCAP', 1n),
    constant(dsa.IDXD_OPCAP_OFFSET, 'OPCAP', packFields(OPCODES.map((opcode) => [1, opcode]))),
    constant(
      dsa.IDXD_TABLE_OFFSET,
      'TABLE',
      packFields(TABLES.map((offset, i) => [offset / 0x100, 16 * i])),
    ),
    // The device has one group. The group contains all queues. The contents of GRPCFG have no
    // effect.
    { offset: dsa.GRPCFG_OFFSET, name: 'GRPCFG', size: 64 },
  ];
}

/** Combines several values into one register value. Each value is shifted to its bit position. */
function packFields(parts: readonly (readonly [value: number, shift: number])[]): bigint {
  return parts.reduce((bits, [value, shift]) => bits | (BigInt(value) << BigInt(shift)), 0n);
}
