/** The registers and commands of the NVM Express base specification that the demo uses. */
import { defineRegisters } from '../../index.js';

/** The registers of a controller, with the names of the specification. */
export const controllerRegisters = defineRegisters('nvme', {
  cap: {
    offset: 0x00,
    width: 8,
    access: 'ro',
    fields: { mqes: [15, 0], to: [31, 24], dstrd: [35, 32] },
  },
  vs: {
    offset: 0x08,
    width: 4,
    access: 'ro',
    fields: { mjr: [31, 16], mnr: [15, 8], ter: [7, 0] },
  },
  cc: {
    offset: 0x14,
    width: 4,
    fields: { en: 0, shn: [15, 14], iosqes: [19, 16], iocqes: [23, 20] },
  },
  csts: { offset: 0x1c, width: 4, access: 'ro', fields: { rdy: 0, cfs: 1, shst: [3, 2] } },
  aqa: { offset: 0x24, width: 4, fields: { asqs: [11, 0], acqs: [27, 16] } },
  asq: { offset: 0x28, width: 8 },
  acq: { offset: 0x30, width: 8 },
});
export const REG_DOORBELLS = 0x1000;

/** Normal shutdown (CC.SHN), and shutdown processing complete (CSTS.SHST). */
export const SHN_NORMAL = 1;
export const SHST_COMPLETE = 2;

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

/** CC: the sizes of the entries of queues, as powers of two. */
export const ENTRY_SIZES = { iosqes: 6, iocqes: 4 } as const;
export const SQ_ENTRY_SIZE = 64;
export const CQ_ENTRY_SIZE = 16;
/** Memory page size of the controller (CC.MPS = 0). */
export const PAGE_SIZE = 4096;
