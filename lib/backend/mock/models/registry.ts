import type { PciFunction } from '../../../contract/index.js';
import { MOCK_PREFIX } from '../../../contract/names.js';
import type { DeviceModel } from '../hardware/model.js';
import { MODELS } from './index.js';

/** A model and its IOMMU group. The group contains only the device of this model. */
export interface GroupedModel {
  readonly model: DeviceModel;
  readonly group: number;
}

/** Models by name, and the numbers of the IOMMU groups of the mock machine. */
export class ModelRegistry {
  readonly #models = new Map<string, GroupedModel>();
  #groups = 0;

  constructor(models: readonly DeviceModel[]) {
    for (const model of models) this.add(model);
  }

  /** Adds a model. @throws TypeError if a model of that name exists */
  add(model: DeviceModel): void {
    if (this.#models.has(model.name)) {
      throw new TypeError(`model '${model.name}' is already registered: choose another name`);
    }
    this.#models.set(model.name, { model, group: this.takeGroup() });
  }

  find(name: string): GroupedModel | undefined {
    return this.#models.get(name);
  }

  /** Returns the number of an IOMMU group that no device has. */
  takeGroup(): number {
    return this.#groups++;
  }

  get names(): string[] {
    return [...this.#models.keys()];
  }

  /** Lists one PCI function for each model. */
  list(): PciFunction[] {
    return [...this.#models.values()].map(({ model: { name, shape }, group }) => ({
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
}

/** The models of the library, and the models that the program registered. */
export const registry = new ModelRegistry(MODELS);
