import { bits } from '../bytes.js';
import { isSiov } from '../siov.js';
import { cxl } from './cxl.js';
import { hex, type Lister, type Place, sign } from './row.js';

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
  if (vendor === CXL && length >= CXL_MIN_SIZE) {
    return { title: `${title}: CXL`, lines: cxl(place, id, revision, length) };
  }
  if (isSiov(vendor, id, length)) return { title: `${title}: SIOV`, lines: siov(place) };
  return { title: `${title} <?>`, lines: [] };
};

/** DVSEC of Intel's Scalable I/O Virtualization: SIOV Technical Specification, section 3.3. */
function siov(place: Place): readonly string[] {
  return [
    `SIOVFlags: Homogeneous${sign(place.u8(0x0b), 0)}, Function Dependency Link: ${hex(place.u8(0x0a), 2)}`,
    `Supported Page Size: ${hex(place.u32(0x0c), 8)}, System Page Size: ${hex(place.u32(0x10), 8)}`,
    `SIOVCap: IMS${sign(place.u32(0x14), 0)}`,
  ];
}
