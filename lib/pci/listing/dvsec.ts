import { bits } from '../bytes.js';
import { cxl } from './cxl.js';
import { hex, type Lister } from './row.js';

/** The vendor id of the CXL consortium. */
const CXL = 0x1e98;
/** Size of the smallest CXL DVSEC in bytes. */
const CXL_MIN_SIZE = 16;

/**
 * Designated Vendor-Specific Extended Capability: PCI Express Base Specification, section 7.9.6.
 */
export const designatedVendorSpecific: Lister = (place) => {
  const header = place.u32(4);
  const vendor = bits(header, 0, 15);
  const revision = bits(header, 16, 19);
  const length = bits(header, 20, 31);
  const id = place.u16(8);
  const title = `Designated Vendor-Specific: Vendor=${hex(vendor, 4)} ID=${hex(id, 4)} Rev=${revision} Len=${length}`;
  return vendor === CXL && length >= CXL_MIN_SIZE
    ? { title: `${title}: CXL`, lines: cxl(place, id, revision, length) }
    : { title: `${title} <?>`, lines: [] };
};
