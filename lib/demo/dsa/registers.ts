/**
 * Registers of the DSA. The names are those of `drivers/dma/idxd/registers.h` and `linux/idxd.h` in
 * Linux.
 */

export const IDXD_VER_OFFSET = 0x00;
export const IDXD_GENCAP_OFFSET = 0x10;
export const IDXD_WQCAP_OFFSET = 0x20;
export const IDXD_GRPCAP_OFFSET = 0x30;
export const IDXD_ENGCAP_OFFSET = 0x38;
export const IDXD_OPCAP_OFFSET = 0x40;
export const IDXD_TABLE_OFFSET = 0x60;
export const IDXD_TABLE_MULT = 0x100;
export const IDXD_GENCFG_OFFSET = 0x80;
export const IDXD_GENCTRL_OFFSET = 0x88;
export const IDXD_GENSTATS_OFFSET = 0x90;
export const IDXD_INTCAUSE_OFFSET = 0x98;
export const IDXD_CMD_OFFSET = 0xa0;
export const IDXD_CMDSTS_OFFSET = 0xa8;
export const IDXD_CMDCAP_OFFSET = 0xb0;
export const IDXD_EVLCFG_OFFSET = 0xe0;
export const IDXD_EVLSTATUS_OFFSET = 0xf0;

export const GENCAP_CMD_CAP = 1 << 4;
export const GENCAP_EVL_SUPPORT = 1 << 13;
/** The longest transfer: 2^21 bytes. */
export const GENCAP_MAX_XFER_SHIFT = 21 << 16;
export const GENCAP_CONFIG_EN = 2 ** 31;
/** In the upper half of WQCAP: queues can be dedicated to one submitter. */
export const WQCAP_DEDICATED_MODE = 1 << 17;

export const IDXD_INTC_CMD = 1 << 1;
export const IDXD_INTC_INT_HANDLE_REVOKED = 2 ** 31;

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
export const CMD_INT_HANDLE_IMS = 0x10000;
export const IDXD_CMD_INT_REQ = 2 ** 31;

export const IDXD_CMDSTS_ACTIVE = 2 ** 31;
export const IDXD_CMDSTS_RES_SHIFT = 8;
export const IDXD_CMDSTS_SUCCESS = 0;
export const IDXD_CMDSTS_INVAL_CMD = 0x01;
export const IDXD_CMDSTS_INVAL_WQIDX = 0x02;
export const IDXD_CMDSTS_HW_ERR = 0x03;
export const IDXD_CMDSTS_ERR_DEV_ENABLED = 0x10;
export const IDXD_CMDSTS_ERR_DEV_NOTEN = 0x20;
export const IDXD_CMDSTS_ERR_WQ_ENABLED = 0x21;
export const IDXD_CMDSTS_ERR_WQ_SIZE = 0x22;
export const IDXD_CMDSTS_ERR_WQ_MODE = 0x24;
export const IDXD_CMDSTS_ERR_DIS_DEV_EN = 0x31;
export const IDXD_CMDSTS_ERR_DEV_NOT_EN = 0x32;
export const IDXD_CMDSTS_ERR_INVAL_INT_IDX = 0x41;
export const IDXD_CMDSTS_ERR_INVAL_INT_IDX_RELEASE = 0x43;

export const GRPCFG_SIZE = 64;
export const WQCFG_SIZE = 32;
export const WQCFG_MODE_DEDICATED = 1 << 0;
export const WQCFG_PASID_SHIFT = 8;
export const WQCFG_PASID_EN = 1 << 28;
/** Bit position of the queue state in the seventh word of a WQCFG entry. */
export const WQCFG_STATE_SHIFT = 30;

export const IDXD_PORTAL_SIZE = 0x1000;
export const PORTALS_PER_WQ = 4;
/** Index of the portal for interrupt handles of the message store. Each queue has four portals. */
export const PORTAL_IMS = 2;

export const DESCRIPTOR_SIZE = 64;
export const COMPLETION_SIZE = 32;
export const DSA_OPCODE_NOOP = 0;
export const DSA_OPCODE_MEMMOVE = 3;
export const DSA_OPCODE_MEMFILL = 4;
export const IDXD_OP_FLAG_CRAV = 0x04;
export const IDXD_OP_FLAG_RCR = 0x08;
export const IDXD_OP_FLAG_RCI = 0x10;
export const DSA_COMP_SUCCESS = 0x01;
export const DSA_COMP_INT_HANDLE_INVAL = 0x19;

/**
 * Registers that only the mock device has. Each register sets the PASID of one 64-byte line of the
 * shared portals.
 */
export const SUBMITTER_OFFSET = 0x4000;
export const SUBMITTER_VALID = 2 ** 31;
