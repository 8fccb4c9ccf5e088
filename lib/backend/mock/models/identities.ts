import type { FunctionShape } from '../hardware/shape.js';

/** The ids of a model, which `vfio list` prints. */
export type Identity = Pick<
  FunctionShape,
  'vendorId' | 'deviceId' | 'subsystemVendorId' | 'subsystemId' | 'classCode' | 'revision'
>;

/**
 * The ids of the library's models, by the names of the models. The ids are separate from the models,
 * so that a list of all devices loads no model.
 */
export const IDENTITIES = {
  edu: {
    vendorId: 0x1234,
    deviceId: 0x11e8,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    classCode: 0x00ff00,
    revision: 0x10,
  },
  nvme: {
    vendorId: 0x1b36,
    deviceId: 0x0010,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    classCode: 0x010802,
    revision: 0x02,
  },
  testdev: {
    vendorId: 0x1b36,
    deviceId: 0x0005,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    classCode: 0x00ff00,
    revision: 0,
  },
  dsa: {
    vendorId: 0x8086,
    deviceId: 0x0b25,
    subsystemVendorId: 0x8086,
    subsystemId: 0,
    classCode: 0x088000,
    revision: 0,
  },
  wlan: {
    vendorId: 0x1234,
    deviceId: 0x574c,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    classCode: 0x028000,
    revision: 0,
  },
  'virtio-blk': {
    vendorId: 0x1af4,
    deviceId: 0x1042,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    classCode: 0x010000,
    revision: 1,
  },
} as const satisfies Readonly<Record<string, Identity>>;
