import { defineModel } from '../define.js';
import { IDENTITIES } from '../identities.js';
import { QUEUES, VECTORS } from './capabilities.js';
import { Dsa } from './device.js';
import {
  IDXD_PORTAL_SIZE,
  MSIX_PBA_OFFSET,
  MSIX_TABLE_OFFSET,
  PORTALS_PER_WQ,
} from './registers.js';

/** Bytes of the PASID capability. The width of a PASID is 20 bits. */
const PASID_CAPABILITY = Uint8Array.of(0, 20, 0, 0);
/**
 * Intel's Scalable IOV capability. Bit 0 at offset 0x14 means that the device has an interrupt
 * message store (IMS).
 */
const IMS_SUPPORTED = new Uint8Array(0x18 - 10);
IMS_SUPPORTED[0x14 - 10] = 1;

/**
 * Intel's Data Streaming Accelerator with an interrupt message store (IMS). The model implements
 * only the interrupt registers and the operations that raise interrupts.
 */
export const dsa = defineModel({
  name: 'dsa',
  shape: {
    ...IDENTITIES.dsa,
    bars: [
      { index: 0, size: 0x10000, bits: 64 },
      { index: 2, size: QUEUES * PORTALS_PER_WQ * IDXD_PORTAL_SIZE, bits: 64 },
    ],
    capabilities: [
      { name: 'pcie', offset: 0x40 },
      {
        name: 'msix',
        offset: 0x80,
        vectors: VECTORS,
        table: { bar: 0, offset: MSIX_TABLE_OFFSET },
        pba: { bar: 0, offset: MSIX_PBA_OFFSET },
      },
      { name: 'ats', offset: 0x100 },
      { name: 'pasid', offset: 0x110, bytes: PASID_CAPABILITY },
      { name: 'dvsec', offset: 0x120, vendor: 0x8086, id: 5, bytes: IMS_SUPPORTED },
    ],
  },
  create: (host) => new Dsa(host),
});
