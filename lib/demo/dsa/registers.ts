/**
 * Registers of the DSA. The names are those of `drivers/dma/idxd/registers.h` and `linux/idxd.h` in
 * Linux.
 */

export const IDXD_GENCAP_OFFSET = 0x10;
export const IDXD_TABLE_OFFSET = 0x60;
export const IDXD_CMD_OFFSET = 0xa0;
export const IDXD_CMDSTS_OFFSET = 0xa8;
export const IDXD_INTC_INT_HANDLE_REVOKED = 2 ** 31;

export const IDXD_CMD_ENABLE_DEVICE = 1;
export const IDXD_CMD_ENABLE_WQ = 6;
export const IDXD_CMD_REQUEST_INT_HANDLE = 13;
export const IDXD_CMD_RELEASE_INT_HANDLE = 14;
export const CMD_INT_HANDLE_IMS = 0x10000;
export const IDXD_CMDSTS_ACTIVE = 2 ** 31;

export const WQCFG_SIZE = 32;
export const WQCFG_MODE_DEDICATED = 1 << 0;
export const WQCFG_PASID_SHIFT = 8;
export const WQCFG_PASID_EN = 1 << 28;

export const IDXD_PORTAL_SIZE = 0x1000;
export const PORTALS_PER_WQ = 4;
/** Index of the portal for interrupt handles of the message store. Each queue has four portals. */
export const PORTAL_IMS = 2;

export const DESCRIPTOR_SIZE = 64;
export const COMPLETION_SIZE = 32;
export const DSA_OPCODE_NOOP = 0;
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
