import { VfioError } from '../../errors.js';
import type { Backend, DeviceConnection, Eventfd, OpenOptions, PciFunction } from '../contract.js';
import { MockEventfd } from './eventfd.js';
import { defaultLimits } from './host/limits.js';
import { HostInterrupts } from './host/interrupts.js';
import { edu } from './models/edu.js';
import type { DeviceModel } from './models/model.js';
import { nvme } from './models/nvme/index.js';
import { parseName, PREFIX, type MockName } from './name.js';
import { Slot } from './slot.js';
import { Work } from './work.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * PCI functions in software that answer as vfio-pci does. A name with its settings means one
 * device: who opens it while it is open shares it, and with nobody it is as after power-on.
 */
export class MockBackend implements Backend {
  readonly #models: readonly DeviceModel[];
  readonly #slots = new Map<string, Slot>();
  #groups: number;

  constructor(models: readonly DeviceModel[]) {
    this.#models = models;
    this.#groups = models.length;
  }

  /** `'mock:nvme'`, and anything else that begins so. */
  owns(name: string): boolean {
    return name.startsWith(PREFIX);
  }

  list(): PciFunction[] {
    return this.#models.map(({ name, shape }, group) => ({
      name: PREFIX + name,
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

  /**
   * @throws TypeError if an option is wrong, or is one of real devices only: `fds`
   * @throws VfioError ENODEV no such model; EINVAL for a setting that is not known, and a VF token;
   *   ENOENT for `via: 'cdev'` where the kernel has none; EBUSY or EINVAL if the device is open and
   *   the ways in exclude each other
   */
  open(name: string, options: OpenOptions): Promise<DeviceConnection> {
    return new Promise((resolve) => {
      resolve(this.openSync(name, options));
    });
  }

  openSync(name: string, options: OpenOptions): DeviceConnection {
    checkOptions(options);
    const parsed = parseName(name);
    const via = options.via ?? parsed.profile.via;
    return this.#slot(name, parsed).open(name, via, options.vfToken !== undefined);
  }

  #slot(name: string, { model, label, profile, key }: MockName): Slot {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const index = this.#models.findIndex((other) => other.name === model);
    const found = this.#models[index];
    if (found === undefined) {
      const names = this.#models.map((other) => PREFIX + other.name).join(', ');
      throw new VfioError({
        code: 'ENODEV',
        message: 'no such model',
        path: name,
        hint: `There are: ${names}.`,
      });
    }
    const group = label === '' ? index : this.#groups++;
    const slot = new Slot(group, found, profile, {
      work: new Work(),
      interrupts: new HostInterrupts(),
      limits: defaultLimits(),
    });
    this.#slots.set(key, slot);
    return slot;
  }
}

function checkOptions({ via, vfToken, noiommu, fds }: OpenOptions): void {
  if (via !== undefined && !['group', 'cdev'].includes(via)) {
    throw new TypeError(`via must be 'group' or 'cdev', not '${via}'`);
  }
  if (vfToken !== undefined && !UUID.test(vfToken)) {
    throw new TypeError("vfToken must be a UUID like '00112233-4455-6677-8899-aabbccddeeff'");
  }
  if (noiommu !== undefined && typeof noiommu !== 'boolean') {
    throw new TypeError('noiommu must be a boolean');
  }
  if (fds !== undefined) throw new TypeError('a mock is not opened from file descriptors');
}

/** The back end of `'mock:edu'` and `'mock:nvme'`. It loads no native code. */
export const mockBackend: Backend = new MockBackend([edu, nvme]);

/** A counter with the rules of an eventfd, without a device: for the consumer of a virtual one. */
export function createEventfd(): Eventfd {
  return new MockEventfd();
}
