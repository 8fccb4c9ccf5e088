export { type Bar, type BarKind, decodeBars } from './bars.js';
export { type BrokenLink, type Capability, walkCapabilities } from './capabilities.js';
export { capabilityName, type CapabilityName } from './capability-names.js';
export {
  type BarLocation,
  type CapabilityDetails,
  DECODERS,
  type MsiDetails,
  type MsixDetails,
  type PcieDetails,
  type PmDetails,
} from './details.js';
export { decodeFields, type Field, type Fields, updateFields } from './fields.js';
export {
  type AddressWindow,
  type BridgeHeader,
  decodeHeader,
  type EndpointHeader,
  isBridge,
  isUnresponsive,
  isEndpoint,
  type OtherHeader,
  type PciHeader,
  type RomAddress,
} from './header.js';
export {
  type FieldsOf,
  type Register,
  type RegisterName,
  registerOffset,
  REGISTERS,
} from './registers/index.js';
export { decodeVirtio, isVirtio, type VirtioCapability } from './virtio.js';
