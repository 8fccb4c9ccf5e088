import { encodeCapability } from './hardware/encode.js';
import type { DeviceModel } from './hardware/model.js';
import * as pci from './hardware/pci.js';

/** Length of the SR-IOV capability after its header, in bytes. */
const BODY = 0x3c;
/** Length of the header of an extended capability, in bytes. */
const HEADER = 4;
/** Offsets of registers in the SR-IOV capability (PCI Express Base Specification, section 9.3.3). */
const INITIAL_VFS = 0x0c;
const TOTAL_VFS = 0x0e;
const FIRST_VF_OFFSET = 0x14;
const VF_STRIDE = 0x16;
const VF_DEVICE_ID = 0x1a;
const SUPPORTED_PAGE_SIZES = 0x1c;
const SYSTEM_PAGE_SIZE = 0x20;
/** 4 KiB, 8 KiB, 64 KiB, 256 KiB, 1 MiB and 4 MiB. Every device must support these page sizes. */
const PAGE_SIZES = 0x553;

/** Returns the reason why a model cannot have virtual functions; null if there is no reason. */
export function whyNoVirtualFunctions({ shape }: DeviceModel): string | null {
  const names = shape.capabilities.map(({ name }) => name);
  if (names.includes('sriov')) return 'the model has an SR-IOV capability of its own';
  return names.includes('pcie') ? null : 'the model has no PCI Express capability';
}

/** Returns the model of a physical function: the given model with an SR-IOV capability. */
export function physicalModel(model: DeviceModel, totalVfs: number): DeviceModel {
  const { shape } = model;
  const ends = shape.capabilities.flatMap((capability) => {
    const { extended, bytes } = encodeCapability(capability);
    return extended ? [capability.offset + bytes.length] : [];
  });
  const offset = (Math.max(pci.PCI_CFG_SPACE_SIZE, ...ends) + 3) & ~3;
  const sriov = { name: 'sriov', offset, bytes: encodeBody(shape.deviceId, totalVfs) } as const;
  return { ...model, shape: { ...shape, capabilities: [...shape.capabilities, sriov] } };
}

/** Returns the model of a virtual function: the given model without an interrupt pin. */
export function virtualModel(model: DeviceModel): DeviceModel {
  return { ...model, shape: { ...model.shape, interruptPin: 0, virtual: true } };
}

function encodeBody(deviceId: number, totalVfs: number): Uint8Array {
  const bytes = new Uint8Array(BODY);
  const view = new DataView(bytes.buffer);
  const set = (offset: number, value: number) => {
    view.setUint16(offset - HEADER, value, true);
  };
  set(INITIAL_VFS, totalVfs);
  set(TOTAL_VFS, totalVfs);
  set(FIRST_VF_OFFSET, 1);
  set(VF_STRIDE, 1);
  set(VF_DEVICE_ID, deviceId);
  set(SUPPORTED_PAGE_SIZES, PAGE_SIZES);
  set(SYSTEM_PAGE_SIZE, 1);
  return bytes;
}
