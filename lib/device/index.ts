/** The public API of `vfio`, except the functions that open a device. */
export type {
  AddressSpace,
  CreatedAddressSpace,
  DeviceConnection,
  DeviceInfo,
  DmaMemory,
  Eventfd,
  EventSet,
  ExternalMemory,
  HotResetInfo,
  HugePages,
  IommuFacts,
  IoeventfdRequest,
  IovaRange,
  IrqInfo,
  IrqSet,
  Memory,
  OpenedFds,
  OpenOptions,
  PasidOptions,
  PciFunction,
  RegionCapability,
  RegionFile,
  RegionInfo,
  RegisterWindow,
  OpenedVia,
  Via,
  Width,
  WindowEvents,
} from '../contract/index.js';
export type { DeviceClock } from '../contract/clock.js';
export type { WaitOptions } from '../contract/wait.js';
export { VfioError, type VfioErrorFields } from '../errors.js';
export * as pci from '../pci/namespace.js';
export { imsAdvertised } from '../pci/siov.js';
export type {
  BridgeHeader,
  Capability,
  CapabilityDetails,
  EndpointHeader,
  FieldsOf,
  PciHeader,
  RegisterName,
  VirtioCapability,
} from '../pci/index.js';
export type { BarDescription, ConfigSpace } from './config.js';
export type { PciDevice } from './device.js';
export type { DmaBuf, DmaBufRange } from './dma-buf.js';
export type { DmaBuffer } from './dma-buffer.js';
export type { DmaBufSource, DmaFile, DmaImport, DmaMemfd, DmaOptions } from './dma-plan.js';
export type { DmaAccess, DmaRange } from './dma-range.js';
export type { DmaSpace } from './dma.js';
export type { DmaPiece, DmaPool, DmaPoolOptions } from './dma-pool.js';
export type { Features, FeatureSupport } from './features.js';
export type { HostRequest } from './host-request.js';
export type { Interrupts } from './interrupts.js';
export type { IntxOptions, IntxVector } from './intx-vector.js';
export type { Intx } from './intx.js';
export type * from './messages/index.js';
export type { DeviceApi } from './open.js';
export type { Poller } from './poller.js';
export type { RegionArea } from '../contract/region-mapping.js';
export type { IoeventfdOptions, Region, WindowOptions } from './region.js';
export type { SingleIrq } from './single-irq.js';
export type { Sriov } from './sriov.js';
export type { EnableOptions, VectorIndex } from './vector-index.js';
export type { Vector, VectorEvents, VectorOptions } from './vector.js';
