import { VfioError } from '../../errors.js';
import type { DeviceConnection, Via } from '../../contract/index.js';
import { MockConnection } from './vfio/connection.js';
import { MockControl } from './control.js';
import type { DeviceModel } from './hardware/model.js';
import type { Profile } from './machine/profile.js';
import { VfioDevice } from './vfio/device.js';
import { type Machine } from './machine/machine.js';

const AWAY = {
  unplugged: { code: 'ENODEV', message: 'there is nothing in the slot' },
  unbound: { code: 'ENOENT', message: 'not bound to vfio-pci' },
  taken: { code: 'EBUSY', message: 'another device of the IOMMU group is bound to a host driver' },
} as const;
/** Where the kernel sees that a group is not viable. */
const CLAIM = { group: 'VFIO_GROUP_SET_CONTAINER', cdev: 'VFIO_DEVICE_BIND_IOMMUFD' } as const;

/**
 * A place of an imitated machine, and the function in it. Who opens it while it is open shares
 * what is there, as by a second descriptor of a group; with nobody, it is as after power-on.
 */
export class Slot {
  /** IOMMU group: it has one of its own. */
  readonly group: number;
  readonly #model: DeviceModel;
  readonly #profile: Profile;
  readonly machine: Machine;
  readonly control: MockControl;
  #device: VfioDevice | null = null;
  #holders = 0;

  constructor(group: number, model: DeviceModel, profile: Profile, machine: Machine) {
    this.group = group;
    this.#model = model;
    this.#profile = profile;
    this.machine = machine;
    this.control = new MockControl(this);
  }

  /** The function while it is open. */
  get device(): VfioDevice | null {
    return this.#device;
  }

  /** The way in for who names none: PASIDs are attached by the character device alone. */
  get via(): Via {
    const { via, pasids } = this.#profile;
    const hasPasids = this.#model.shape.capabilities.some(({ name }) => name === 'pasid');
    return via ?? (hasPasids && pasids ? 'cdev' : 'group');
  }

  /**
   * @param name - what the caller calls it
   * @param token - whether a VF token is given
   * @throws VfioError ENODEV or ENOENT if it is away; ENOENT if there is no such way in; EBUSY if it is open by the other; EINVAL
   *   for a second open of the character device, and for a token where there is nothing to guard
   */
  open(name: string, via: Via, token = false): DeviceConnection {
    this.#checkThere(name, via);
    if (via === 'cdev' && !this.#profile.cdev) {
      throw new VfioError({
        code: 'ENOENT',
        syscall: 'open',
        path: '/dev/iommu',
        hint: `Linux ${this.#profile.version} has no character devices: use via=group.`,
      });
    }
    if (this.#device !== null) this.#checkWay(name, this.#device.via, via);
    const place = { group: this.group, via, profile: this.#profile, machine: this.machine };
    const device = this.#device ?? new VfioDevice(name, this.#model, place);
    if (token && !device.isPhysicalFunction) {
      throw new VfioError({
        code: 'EINVAL',
        syscall: via === 'group' ? 'VFIO_GROUP_GET_DEVICE_FD' : 'VFIO_DEVICE_BIND_IOMMUFD',
        path: name,
        hint: 'The device has no virtual functions: leave out vfToken.',
      });
    }
    this.#device = device;
    this.#holders++;
    return new MockConnection(name, device, this.machine, () => {
      if (--this.#holders > 0) return;
      this.#device = null;
      device.close();
    });
  }

  #checkThere(path: string, via: Via): void {
    const { faults } = this.machine;
    try {
      faults.check('open');
    } catch (error) {
      throw error instanceof VfioError ? error.with({ path }) : error;
    }
    if (faults.away === null) return;
    const hint = 'mockControl(name).clear() brings it back.';
    const syscall = faults.away === 'taken' ? CLAIM[via] : 'open';
    throw new VfioError({ ...AWAY[faults.away], syscall, path, hint });
  }

  #checkWay(name: string, open: Via, wanted: Via): void {
    if (open === 'group' && wanted === 'group') return;
    if (wanted === 'group') throw new VfioError({ code: 'EBUSY', syscall: 'open', path: name });
    const code = open === 'group' ? 'EBUSY' : 'EINVAL';
    throw new VfioError({ code, syscall: 'VFIO_DEVICE_BIND_IOMMUFD', path: name });
  }
}
