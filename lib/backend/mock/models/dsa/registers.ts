/**
 * Register constants of drivers/dma/idxd/registers.h and include/uapi/linux/idxd.h, with the
 * kernel's names.
 */

import { defineRegisters } from '../../../../registers/index.js';

// BAR 0
export const IDXD_VER_OFFSET = 0x00;
export const IDXD_GENCAP_OFFSET = 0x10;
export const IDXD_WQCAP_OFFSET = 0x20;
export const IDXD_GRPCAP_OFFSET = 0x30;
export const IDXD_ENGCAP_OFFSET = 0x38;
export const IDXD_OPCAP_OFFSET = 0x40;
/**
 * Register with the offsets of the tables. Each offset has 16 bits and counts units of 0x100 bytes.
 */
export const IDXD_TABLE_OFFSET = 0x60;
export const IDXD_GENCFG_OFFSET = 0x80;
export const IDXD_GENCTRL_OFFSET = 0x88;
export const IDXD_GENSTATS_OFFSET = 0x90;
export const IDXD_INTCAUSE_OFFSET = 0x98;
export const IDXD_CMD_OFFSET = 0xa0;
export const IDXD_CMDSTS_OFFSET = 0xa8;
export const IDXD_CMDCAP_OFFSET = 0xb0;
export const IDXD_SWERR_OFFSET = 0xc0;
export const IDXD_EVLCFG_OFFSET = 0xe0;
export const IDXD_EVLSTATUS_OFFSET = 0xf0;

export const GRPCFG_OFFSET = 0x400;
export const WQCFG_OFFSET = 0x500;
export const WQCFG_SIZE = 32;
export const MSIX_PERM_OFFSET = 0x600;
export const IMS_OFFSET = 0x1000;
export const MSIX_TABLE_OFFSET = 0x2000;
export const MSIX_PBA_OFFSET = 0x3000;

export const GENCAP_CMD_CAP = 1n << 4n;
/** The device has an event log with entries of 64 bytes. */
export const GENCAP_EVL_SUPPORT = 1n << 13n;
export const GENCAP_MAX_XFER_SHIFT_SHIFT = 16n;
export const GENCAP_MAX_IMS_MULT_SHIFT = 25n;
export const GENCAP_CONFIG_EN = 1n << 31n;
export const WQCAP_SHARED_MODE = 1n << 48n;
export const WQCAP_DEDICATED_MODE = 1n << 49n;

/** Bits of GENCFG: the read buffer limit, the user interrupt and the event log. */
export const GENCFG_RDBUF_LIMIT = 0xff;
export const GENCFG_USER_INT_EN = 1 << 12;
export const GENCFG_EVL_EN = 1 << 13;
/** Bits of GENCTRL: interrupts for errors in SWERR, for a halt, and for the event log. */
export const GENCTRL_SOFTERR_INT_EN = 1 << 0;
export const GENCTRL_HALT_INT_EN = 1 << 1;
export const GENCTRL_EVL_INT_EN = 1 << 2;
export const IDXD_SWERR_VALID = 1n << 0n;
export const IDXD_SWERR_OVERFLOW = 1n << 1n;
export const IDXD_SWERR_ACK = IDXD_SWERR_VALID | IDXD_SWERR_OVERFLOW;
/** Bits of EVLCFG. The second quadword contains the number of entries and the PASID. */
export const EVLCFG_PASID_EN = 1n << 0n;
export const EVLCFG_BASE_ADDR = ~0xfffn;
export const EVLCFG_PASID_SHIFT = 16n;
/** Bit in the upper half of EVLSTATUS. A write of 1 clears the bit. */
export const EVLSTATUS_INT_PENDING = 1 << 30;
/** The smallest number of entries of an event log. */
export const IDXD_EVL_SIZE_MIN = 0x40;
export const EVL_ENTRY_SIZE = 64;

export const IDXD_DEVICE_STATE_DISABLED = 0;
export const IDXD_DEVICE_STATE_ENABLED = 1;

export const IDXD_INTC_ERR = 1 << 0;
export const IDXD_INTC_CMD = 1 << 1;
export const IDXD_INTC_EVL = 1 << 5;
export const IDXD_INTC_INT_HANDLE_REVOKED = 2 ** 31;

export const IDXD_CMD_INT_REQ = 2 ** 31;
export const IDXD_CMD_ENABLE_DEVICE = 1;
export const IDXD_CMD_DISABLE_DEVICE = 2;
export const IDXD_CMD_DRAIN_ALL = 3;
export const IDXD_CMD_RESET_DEVICE = 5;
export const IDXD_CMD_ENABLE_WQ = 6;
export const IDXD_CMD_DISABLE_WQ = 7;
export const IDXD_CMD_DRAIN_WQ = 8;
export const IDXD_CMD_RESET_WQ = 10;
export const IDXD_CMD_REQUEST_INT_HANDLE = 13;
export const IDXD_CMD_RELEASE_INT_HANDLE = 14;
/**
 * Bit in the operand of the two handle commands. If the bit is set, the handle refers to a slot of
 * the IMS.
 */
export const CMD_INT_HANDLE_IMS = 0x10000;

export const IDXD_CMDSTS_ACTIVE = 2 ** 31;
export const IDXD_CMDSTS_RES_SHIFT = 8;
export const IDXD_CMDSTS_SUCCESS = 0;
export const IDXD_CMDSTS_INVAL_CMD = 0x01;
export const IDXD_CMDSTS_INVAL_WQIDX = 0x02;
export const IDXD_CMDSTS_ERR_DEV_ENABLED = 0x10;
export const IDXD_CMDSTS_ERR_DEV_NOTEN = 0x20;
export const IDXD_CMDSTS_ERR_WQ_ENABLED = 0x21;
export const IDXD_CMDSTS_ERR_WQ_SIZE = 0x22;
export const IDXD_CMDSTS_ERR_DIS_DEV_EN = 0x31;
export const IDXD_CMDSTS_ERR_WQ_NOT_EN = 0x32;
export const IDXD_CMDSTS_ERR_INVAL_INT_IDX = 0x41;
export const IDXD_CMDSTS_ERR_NO_HANDLE = 0x42;
export const IDXD_CMDSTS_ERR_INVAL_INT_IDX_RELEASE = 0x43;

/** Bits of the third word of a WQCFG entry. */
export const WQCFG_MODE_DEDICATED = 1 << 0;
export const WQCFG_PASID_SHIFT = 8;
export const WQCFG_PASID_EN = 1 << 28;
/** Bit position of the queue state in the seventh word of a WQCFG entry. */
export const WQCFG_STATE_SHIFT = 30;

// BAR 2: four pages for each work queue
export const IDXD_PORTAL_SIZE = 0x1000;
export const PORTALS_PER_WQ = 4;
/**
 * Bit in the page number of a portal. If the bit is set, handles in descriptors of this portal
 * refer to IMS slots.
 */
export const PORTAL_IMS = 2;

// Sizes in bytes of a descriptor and of a completion record
export const DESCRIPTOR_SIZE = 64;
export const COMPLETION_SIZE = 32;
export const DSA_OPCODE_NOOP = 0;
export const DSA_OPCODE_DRAIN = 2;
export const DSA_OPCODE_MEMMOVE = 3;
export const DSA_OPCODE_MEMFILL = 4;
export const IDXD_OP_FLAG_CRAV = 0x04;
export const IDXD_OP_FLAG_RCR = 0x08;
export const IDXD_OP_FLAG_RCI = 0x10;
export const DSA_COMP_SUCCESS = 0x01;
export const DSA_COMP_PAGE_FAULT_NOBOF = 0x03;
export const DSA_COMP_BAD_OPCODE = 0x10;
export const DSA_COMP_XFER_ERANGE = 0x13;
export const DSA_COMP_INT_HANDLE_INVAL = 0x19;
export const DSA_COMP_CRA_XLAT = 0x1a;

const LINES = IDXD_PORTAL_SIZE / DESCRIPTOR_SIZE;

/** The registers whose state {@link Dsa} keeps. */
export const DEVICE = defineRegisters('dsa', {
  genstats: { offset: IDXD_GENSTATS_OFFSET, width: 4, access: 'ro', fields: { state: [1, 0] } },
  intcause: { offset: IDXD_INTCAUSE_OFFSET, width: 4, access: 'w1c' },
  /**
   * Registers that exist only in the mock. These registers contain the owner of each 64-byte line of
   * the shared portals. On hardware, a process submits a descriptor with ENQCMD. ENQCMD adds the
   * PASID from the CPU's register IA32_PASID. The mock has no CPU, so a driver writes the PASID to
   * these registers.
   */
  submitter: {
    offset: 0x4000,
    width: 4,
    count: LINES,
    stride: 8,
    fields: { pasid: [19, 0], valid: 31 },
  },
  /**
   * This register exists only in the mock. Writing a PASID revokes the interrupt handles of the
   * PASID, as a host revokes the handles of a guest.
   */
  revoke: { offset: 0x4400, width: 4, access: 'wo' },
});
