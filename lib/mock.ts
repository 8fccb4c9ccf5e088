/**
 * `vfio/mock`: the same with imitations alone, and what makes more of them. Nothing native is
 * loaded, so it runs wherever Node does.
 *
 * @packageDocumentation
 */
import { mockBackend } from './backend/mock/index.js';
import { deviceApi } from './device/open.js';
import { observeBackend } from './observe/index.js';
import { observers } from './observe/observers.js';

export * from './device/index.js';
export * from './virtual/ims/index.js';
export * from './virtual/message/index.js';
export * from './virtual/msix/index.js';
export * from './virtual/vectors/index.js';
export {
  createEventfd,
  defineModel,
  mockControl,
  registerModel,
  signalEventfds,
} from './backend/mock/index.js';
export type { ProfileOptions, KernelVersion } from './backend/mock/machine/profile.js';
export type { HostLimits, MockControl } from './backend/mock/control.js';
export type { FaultKind } from './backend/mock/machine/faults.js';
export type { Clock } from './backend/mock/machine/work.js';
export { DmaFault, type DmaFaultReason } from './backend/mock/machine/dma-fault.js';
export type {
  BarPlace,
  BarShape,
  CapabilityShape,
  ConfigImage,
  DeviceHost,
  DeviceLogic,
  DeviceModel,
  ExpressCapability,
  FunctionShape,
  MemoryBlock,
  ModelDefinition,
  MsiCapability,
  MsixCapability,
  NarrowRegister,
  OptionalField,
  Placed,
  PlainCapability,
  PlainName,
  Register,
  RegisterPlace,
  RomShape,
  SourceRegisters,
  TransferOptions,
  VendorCapability,
  WideRegister,
} from './backend/mock/hardware/model.js';

const api = deviceApi([observeBackend(mockBackend, observers)]);

/**
 * Opens an imitation. As `openDevice` of `vfio` otherwise, which opens the same ones.
 *
 * @param name - `'mock:'` and the name of a model, or the path of a snapshot; then settings
 * @throws {@link VfioError} ENODEV if there is no such model, and for the name of a real device;
 *   EINVAL for a setting that is not known
 * @example
 * await using device = await openDevice('mock:nvme?kernel=6.1');
 */
export const openDevice = api.openDevice;

/** As {@link openDevice}, on this thread. */
export const openDeviceSync = api.openDeviceSync;

/** Opens an imitation at the level of its file, one method an ioctl. */
export const openConnection = api.openConnection;

/** The imitations there are: those that come with the library, and what was registered. */
export const listDevices = api.listDevices;

/** The name under which an imitation is opened. @throws {@link VfioError} ENODEV for any other */
export const resolveName = api.resolveName;
