/// <reference types="node" preserve="true" />
/**
 * `vfio/mock` opens only mock devices, and contains the functions that define new mock devices.
 * The module loads no native code, so it runs on every platform of Node.
 *
 * @module vfio/mock
 */
import { mockBackend } from './backend/mock/index.js';
import { deviceApi } from './device/open.js';
import { observeBackend } from './observe/index.js';
import { observers } from './observe/observers.js';

export * from './device/index.js';
export * from './registers/index.js';
export * from './structs/index.js';
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
export type { DmaFailOptions, HostLimits, MockControl } from './backend/mock/control.js';
export type { CommandFaultOptions, CommandFaults } from './backend/mock/hardware/command-faults.js';
export type { DmaDirection } from './backend/mock/hardware/device-faults.js';
export type { FaultCount } from './backend/mock/machine/fault-list.js';
export type { FaultKind } from './backend/mock/machine/faults.js';
export type { Clock } from './backend/mock/machine/work.js';
export { DmaFault, type DmaFaultReason } from './backend/mock/machine/dma-fault.js';
export type {
  BarPlace,
  BarShape,
  CapabilityPlace,
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

export {
  modelRegisters,
  type ModelRegister,
  type ModelAccessor,
  type ModelAccessors,
  type ModelBlockArray,
  type ModelRegisterArray,
  type ModelRegisters,
} from './backend/mock/hardware/model-registers.js';

const api = deviceApi([observeBackend(mockBackend, observers)]);

/**
 * Opens a mock device. In the module `vfio`, `openDevice` opens mock devices and real devices.
 *
 * @param name - consists of `'mock:'`, the name of a model or the path of a snapshot, and optional
 *   settings
 * @throws {@link VfioError} ENODEV if the model is unknown, or if `name` is the name of a real
 *   device; EINVAL if a setting is unknown
 * @example
 * await using device = await openDevice('mock:nvme?kernel=6.1');
 */
export const openDevice = api.openDevice;

/** Opens a mock device like {@link openDevice}, but synchronously. */
export const openDeviceSync = api.openDeviceSync;

/**
 * Opens a mock device. Returns a connection with one method for each ioctl of the VFIO device file.
 */
export const openConnection = api.openConnection;

/** Lists the mock devices: the library's own models, and the models that the program registered. */
export const listDevices = api.listDevices;

/**
 * Returns the name under which a mock device is opened.
 *
 * @throws {@link VfioError} ENODEV if no mock device has this name
 */
export const resolveName = api.resolveName;
