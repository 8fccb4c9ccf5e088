import type { PciFunction } from '../../../contract/index.js';
import { MOCK_PREFIX } from '../../../contract/names.js';
import type { DeviceModel } from '../hardware/model.js';
import { IDENTITIES, type Identity } from './identities.js';

/** The name of a model, with its IOMMU group and, if the model is loaded, the model. */
interface Entry {
  readonly identity: Identity;
  readonly group: number;
  model: DeviceModel | undefined;
}

/** A model and its IOMMU group. The group contains only the device of this model. */
export interface GroupedModel {
  readonly model: DeviceModel;
  readonly group: number;
}

/** Models by name, and the numbers of the IOMMU groups of the mock machine. */
export class ModelRegistry {
  readonly #entries = new Map<string, Entry>();
  #groups = 0;

  /** @param identities - models that {@link provide} adds later */
  constructor(models: readonly DeviceModel[], identities: Readonly<Record<string, Identity>> = {}) {
    for (const [name, identity] of Object.entries(identities)) {
      this.#entries.set(name, { identity, group: this.takeGroup(), model: undefined });
    }
    for (const model of models) this.add(model);
  }

  /** Adds a model. @throws TypeError if a model of that name exists */
  add(model: DeviceModel): void {
    if (this.#entries.has(model.name)) {
      throw new TypeError(`model '${model.name}' is already registered: choose another name`);
    }
    this.#entries.set(model.name, { identity: model.shape, group: this.takeGroup(), model });
  }

  /** Adds the model for an identity. A second call has no effect. */
  provide(model: DeviceModel): void {
    const entry = this.#entries.get(model.name);
    if (entry !== undefined) entry.model ??= model;
  }

  /** Finds a loaded model. */
  find(name: string): GroupedModel | undefined {
    const { model, group } = this.#entries.get(name) ?? {};
    return model === undefined || group === undefined ? undefined : { model, group };
  }

  /** Returns the number of an IOMMU group that no device has. */
  takeGroup(): number {
    return this.#groups++;
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Lists one PCI function for each model. */
  list(): PciFunction[] {
    return [...this.#entries].map(([name, { identity, group }]) => ({
      name: MOCK_PREFIX + name,
      vendorId: identity.vendorId,
      deviceId: identity.deviceId,
      subsystemVendorId: identity.subsystemVendorId,
      subsystemId: identity.subsystemId,
      classCode: identity.classCode,
      revision: identity.revision,
      driver: 'vfio-pci',
      iommuGroup: group,
    }));
  }
}

/**
 * The models of the library, and the models that the program registered. The models of the library
 * have entries from the start, and are added when they are loaded.
 */
export const registry = new ModelRegistry([], IDENTITIES);
