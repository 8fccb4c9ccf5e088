import { VfioError } from '../../errors.js';
import type { DeviceConnection, Via } from '../../contract/index.js';
import { MockConnection } from './vfio/connection.js';
import { createControl, type MockControl } from './control.js';
import type { DeviceModel } from './hardware/model.js';
import type { Profile } from './machine/profile.js';
import { VfioDevice } from './vfio/device.js';
import { type Machine } from './machine/machine.js';

const AWAY = {
  unplugged: { code: 'ENODEV', message: 'the device was unplugged' },
  unbound: { code: 'ENOENT', message: 'the device is not bound to vfio-pci' },
  blocked: {
    code: 'EBUSY',
    message: 'another device of the IOMMU group is bound to a host driver',
  },
} as const;
/** The system call that fails if the IOMMU group is not viable. */
const CLAIM = { group: 'VFIO_GROUP_SET_CONTAINER', cdev: 'VFIO_DEVICE_BIND_IOMMUFD' } as const;

/**
 * A slot of the mock machine, and the PCI function in the slot. A second open of an open function
 * shares the function, like a second device file descriptor of a VFIO group. The first open finds
 * the function in its power-on state.
 */
export class Slot {
  /** Number of the IOMMU group. The group contains only this function. */
  readonly group: number;
  readonly #model: DeviceModel;
  readonly #profile: Profile;
  readonly machine: Machine;
  readonly control: MockControl;
  #device: VfioDevice | null = null;
  /** Number of open connections. */
  #connections = 0;

  constructor(group: number, model: DeviceModel, profile: Profile, machine: Machine) {
    this.group = group;
    this.#model = model;
    this.#profile = profile;
    this.machine = machine;
    this.control = createControl(this);
  }

  /** The PCI function in the slot, or null while the function is not open. */
  get device(): VfioDevice | null {
    return this.#device;
  }

  /**
   * Default value of `via`. If the name sets `via`, the setting is the default. Otherwise, the
   * default is `'cdev'` if the function has PASIDs and the kernel can attach PASIDs. In all other
   * cases, the default is `'group'`.
   */
  get via(): Via {
    const { via, pasids } = this.#profile;
    const hasPasids = this.#model.shape.capabilities.some(({ name }) => name === 'pasid');
    return via ?? (hasPasids && pasids ? 'cdev' : 'group');
  }

  /**
   * Opens the function. If the function is already open, the new connection shares the function.
   *
   * @param name - the name that the caller used, for error messages
   * @param token - whether the caller passed a VF token
   * @throws VfioError ENODEV if the device was unplugged; ENOENT if the device is not bound to
   *   vfio-pci, or if the kernel has no character devices; EBUSY if the device is already open with
   *   a different `via`, or if its group is not viable; EINVAL for a second open of the character
   *   device, and for a VF token if the device has no virtual functions
   */
  open(name: string, via: Via, token = false): DeviceConnection {
    this.#checkAvailable(name, via);
    if (via === 'cdev' && !this.#profile.cdev) {
      throw new VfioError({
        code: 'ENOENT',
        syscall: 'open',
        path: '/dev/iommu',
        hint: `Linux ${this.#profile.version} has no VFIO character devices: use via=group.`,
      });
    }
    if (this.#device !== null) this.#checkVia(name, this.#device.via, via);
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
    this.#connections++;
    return new MockConnection(name, device, this.machine, (hint) => {
      if (--this.#connections > 0) return;
      this.#device = null;
      device.close(hint);
    });
  }

  #checkAvailable(path: string, via: Via): void {
    const { faults } = this.machine;
    try {
      faults.check('open');
    } catch (error) {
      throw error instanceof VfioError ? error.with({ path }) : error;
    }
    if (faults.away === null) return;
    const hint = 'clear() of mockControl(name) makes the device available again.';
    const syscall = faults.away === 'blocked' ? CLAIM[via] : 'open';
    throw new VfioError({ ...AWAY[faults.away], syscall, path, hint });
  }

  #checkVia(name: string, open: Via, wanted: Via): void {
    if (open === 'group' && wanted === 'group') return;
    if (wanted === 'group') throw new VfioError({ code: 'EBUSY', syscall: 'open', path: name });
    const code = open === 'group' ? 'EBUSY' : 'EINVAL';
    throw new VfioError({ code, syscall: 'VFIO_DEVICE_BIND_IOMMUFD', path: name });
  }
}
