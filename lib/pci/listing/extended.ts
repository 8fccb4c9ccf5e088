import { bits } from '../bytes.js';
import { multicast, virtualChannel } from './channels.js';
import { device3 } from './device-3.js';
import { designatedVendorSpecific } from './dvsec.js';
import { containment, errorReporting } from './errors.js';
import { flitErrorInjection, flitLogging } from './flit.js';
import { dataEncryption } from './ide.js';
import {
  dataObjectExchange,
  l1Substates,
  latencyTolerance,
  precisionTime,
  processingHints,
  secondaryExpress,
} from './link.js';
import {
  laneMargining,
  physicalLayer16,
  physicalLayer32,
  physicalLayer64,
} from './physical-layer.js';
import { registerBlockLocator } from './register-block.js';
import { eventCollector, rootComplexLink } from './root-complex.js';
import { hex, type Lister } from './row.js';
import {
  accessControl,
  addressTranslation,
  alternativeRouting,
  pageRequests,
  processAddressSpaces,
  resizableBar,
  sriov,
} from './virtualization.js';

/** Device Serial Number: PCI Express Base Specification, section 7.9.3. */
const serialNumber: Lister = (place) => {
  const digits = hex(place.u32(8), 8) + hex(place.u32(4), 8);
  return { title: `Device Serial Number ${digits.match(/../g)?.join('-') ?? ''}`, lines: [] };
};

/** Vendor-Specific Extended Capability: section 7.9.5. */
const vendorSpecific: Lister = (place) => {
  const header = place.u32(4);
  const id = hex(bits(header, 0, 15), 4);
  const length = hex(bits(header, 20, 31), 3);
  return {
    title: `Vendor Specific Information: ID=${id} Rev=${bits(header, 16, 19)} Len=${length} <?>`,
    lines: [],
  };
};

/** Maps each extended capability id to the function that formats the capability. */
export const EXTENDED: Readonly<Record<number, Lister>> = {
  0x00: () => ({ title: 'Null', lines: [] }),
  0x01: errorReporting,
  0x02: virtualChannel,
  0x03: serialNumber,
  0x05: rootComplexLink,
  0x07: eventCollector,
  0x09: virtualChannel,
  0x0b: vendorSpecific,
  0x0d: accessControl,
  0x0e: alternativeRouting,
  0x0f: addressTranslation,
  0x10: sriov,
  0x12: multicast,
  0x13: pageRequests,
  0x15: resizableBar('Physical Resizable BAR'),
  0x17: processingHints,
  0x18: latencyTolerance,
  0x19: secondaryExpress,
  0x1b: processAddressSpaces,
  0x1d: containment,
  0x1e: l1Substates,
  0x1f: precisionTime,
  0x23: designatedVendorSpecific,
  0x24: resizableBar('Virtual Resizable BAR'),
  0x26: physicalLayer16,
  0x27: laneMargining,
  0x2a: physicalLayer32,
  0x2e: dataObjectExchange,
  0x2f: device3,
  0x30: dataEncryption,
  0x31: physicalLayer64,
  0x32: flitLogging,
  0x34: flitErrorInjection,
  0x36: registerBlockLocator,
};
