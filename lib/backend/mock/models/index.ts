import type { PciFunction } from '../../../contract/index.js';
import { MOCK_PREFIX } from '../../../contract/names.js';
import { dsa } from './dsa/index.js';
import { edu } from './edu.js';
import type { DeviceModel } from '../hardware/model.js';
import { nvme } from './nvme/index.js';
import { testdev } from './testdev.js';
import { wlan } from './wlan/index.js';

/** The models of the library. */
export const MODELS: readonly DeviceModel[] = [edu, nvme, testdev, dsa, wlan];

/** A model and its IOMMU group. The group contains only the device of this model. */
export interface GroupedModel {
  readonly model: DeviceModel;
  readonly group: number;
}

/**
 * Lists the PCI functions of models.
 *
 * @param models - models and their groups; default: the models of the library
 */
export function listModels(
  models: Iterable<GroupedModel> = MODELS.map((model, group) => ({ model, group })),
): PciFunction[] {
  return [...models].map(({ model: { name, shape }, group }) => ({
    name: MOCK_PREFIX + name,
    vendorId: shape.vendorId,
    deviceId: shape.deviceId,
    subsystemVendorId: shape.subsystemVendorId,
    subsystemId: shape.subsystemId,
    classCode: shape.classCode,
    revision: shape.revision,
    driver: 'vfio-pci',
    iommuGroup: group,
  }));
}
