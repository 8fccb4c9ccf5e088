/**
 * `vfio/mock`: the same with imitations alone, and what makes more of them. Nothing native is
 * loaded, so it runs wherever Node does.
 *
 * @packageDocumentation
 */
import { mockBackend } from './backend/mock/index.js';
import { deviceApi } from './device/open.js';
import { observeBackend } from './observe/index.js';
import { observers } from './observers.js';

export * from './device/index.js';
export * from './ims/index.js';
export * from './message/index.js';
export * from './msix/index.js';
export * from './vectors/index.js';
export { createEventfd, defineModel, mockControl, registerModel } from './backend/mock/index.js';
export type { HostLimits, MockControl } from './backend/mock/control.js';
export type { FaultKind } from './backend/mock/faults.js';
export type { Clock } from './backend/mock/work.js';
export { DmaFault } from './backend/mock/models/model.js';
export type {
  BarPlace,
  BarShape,
  CapabilityShape,
  ConfigImage,
  DeviceHost,
  DeviceLogic,
  DeviceModel,
  DmaFaultReason,
  FunctionShape,
  MemoryBlock,
  ModelDefinition,
  NarrowRegister,
  Register,
  RomShape,
  TransferOptions,
  WideRegister,
} from './backend/mock/models/model.js';

export const { openDevice, openDeviceSync, openConnection, listDevices, resolveName } = deviceApi([
  observeBackend(mockBackend, observers),
]);
