/** The registers and commands of the NVM Express base specification that the demo uses. */

export const REG_CAP = 0x00;
export const REG_VS = 0x08;
export const REG_CC = 0x14;
export const REG_CSTS = 0x1c;
export const REG_AQA = 0x24;
export const REG_ASQ = 0x28;
export const REG_ACQ = 0x30;
export const REG_DOORBELLS = 0x1000;

export const CC_EN = 1 << 0;
export const CC_SHN_NORMAL = 1 << 14;
export const CC_IOSQES_64 = 6 << 16;
export const CC_IOCQES_16 = 4 << 20;

export const CSTS_RDY = 1 << 0;
export const CSTS_CFS = 1 << 1;
export const CSTS_SHST_COMPLETE = 2 << 2;
export const CSTS_SHST_MASK = 3 << 2;

export const ADMIN_DELETE_SQ = 0x00;
export const ADMIN_CREATE_SQ = 0x01;
export const ADMIN_DELETE_CQ = 0x04;
export const ADMIN_CREATE_CQ = 0x05;
export const ADMIN_IDENTIFY = 0x06;
export const ADMIN_SET_FEATURES = 0x09;

export const NVM_WRITE = 0x01;
export const NVM_READ = 0x02;

export const IDENTIFY_NAMESPACE = 0;
export const IDENTIFY_CONTROLLER = 1;
export const FEATURE_NUMBER_OF_QUEUES = 7;

export const SQ_ENTRY_SIZE = 64;
export const CQ_ENTRY_SIZE = 16;
/** Memory page size of the controller (CC.MPS = 0). */
export const PAGE_SIZE = 4096;

/** Fields of CAP (64 bits at offset 0). */
export interface ControllerCapabilities {
  /** Maximum number of entries in a queue. */
  readonly maxQueueEntries: number;
  /** Bytes between doorbells. */
  readonly doorbellStride: number;
  /** Longest time from a change of the bit `CC.EN` to the change of the bit `CSTS.RDY`, in ms. */
  readonly readyTimeoutMs: number;
}

export function decodeCapabilities(cap: bigint): ControllerCapabilities {
  return {
    maxQueueEntries: Number(cap & 0xffffn) + 1,
    doorbellStride: 4 << Number((cap >> 32n) & 0xfn),
    readyTimeoutMs: 500 * Math.max(1, Number((cap >> 24n) & 0xffn)),
  };
}
