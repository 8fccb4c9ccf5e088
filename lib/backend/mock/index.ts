import { VfioError } from '../../errors.js';
import type { Backend, DeviceConnection, Eventfd, OpenOptions, PciFunction } from '../contract.js';
import { MockConnection } from './connection.js';
import { MockEventfd } from './eventfd.js';
import { HostInterrupts } from './host/interrupts.js';
import { edu } from './models/edu.js';
import type { DeviceModel } from './models/model.js';
import { nvme } from './models/nvme/index.js';
import type { Machine } from './vfio/device.js';
import { Work } from './work.js';

const PREFIX = 'mock:';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * PCI functions in software that answer as vfio-pci of Linux 7.2 does, by the way of groups. Each
 * open makes a new device, in the state after a reset.
 */
export class MockBackend implements Backend {
  readonly #models: readonly DeviceModel[];
  readonly #machine: Machine = { work: new Work(), interrupts: new HostInterrupts() };

  constructor(models: readonly DeviceModel[]) {
    this.#models = models;
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
   * @throws VfioError ENODEV no such model; ENOENT for `via: 'cdev'`; EINVAL for a VF token
   */
  open(name: string, options: OpenOptions): Promise<DeviceConnection> {
    return new Promise((resolve) => {
      resolve(this.openSync(name, options));
    });
  }

  openSync(name: string, options: OpenOptions): DeviceConnection {
    checkOptions(options);
    const group = this.#models.findIndex((model) => PREFIX + model.name === name);
    const model = this.#models[group];
    if (model === undefined) {
      const known = this.#models.map((other) => PREFIX + other.name).join(', ');
      throw new VfioError({
        code: 'ENODEV',
        message: 'no such model',
        path: name,
        hint: `There are: ${known}.`,
      });
    }
    if (options.via === 'cdev') {
      throw new VfioError({
        code: 'ENOENT',
        message: 'the mock has no character device',
        path: name,
        hint: "It imitates the group interface: leave out via, or say via: 'group'.",
      });
    }
    if (options.vfToken !== undefined) {
      throw new VfioError({
        code: 'EINVAL',
        syscall: 'VFIO_GROUP_GET_DEVICE_FD',
        path: name,
        hint: 'The device has no virtual functions: leave out vfToken.',
      });
    }
    return new MockConnection(name, group, model, this.#machine);
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
