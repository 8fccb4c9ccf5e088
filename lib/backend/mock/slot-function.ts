import { VfioError } from '../../errors.js';
import type { DeviceConnection, Via } from '../../contract/index.js';
import type { Uuid } from '../../contract/uuid.js';
import { createControl, type ControlledFunction, type MockControl } from './control.js';
import { DeviceFaults } from './hardware/device-faults.js';
import type { DeviceModel } from './hardware/model.js';
import { MockAddressSpace } from './machine/address-space.js';
import { ioas } from './machine/ioas.js';
import type { Machine } from './machine/machine.js';
import type { Profile } from './machine/profile.js';
import { type1 } from './machine/type1.js';
import type { SriovFunction } from './sriov-card.js';
import { MockConnection } from './vfio/connection.js';
import { VfioDevice, type BusFunction } from './vfio/device.js';

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
 * Object ids that iommufd assigns to the devices of a group. Object id 1 belongs to the address
 * space, and object id 3 to the page table of the first device.
 */
const DEVICE_IDS = [2, 4] as const;

/** The slot of a function. */
export interface SlotContext {
  /** Number of the IOMMU group. The group contains only the functions of the slot. */
  readonly group: number;
  readonly model: DeviceModel;
  readonly profile: Profile;
  readonly machine: Machine;
  /** The function of a card with SR-IOV; null for every other function. */
  readonly sriov: SriovFunction | null;
  readonly functions: readonly SlotFunction[];
  /** Called when the last open function of the slot was closed. */
  readonly onUnused: () => void;
}

/**
 * A PCI function of a slot. A second open of an open function shares the function, like a second
 * device file descriptor of a VFIO group. The first open finds the function in its power-on state.
 */
export class SlotFunction implements ControlledFunction, BusFunction {
  /** The faults of the function, which outlive a close of the function. */
  readonly faults = new DeviceFaults();
  readonly #slot: SlotContext;
  #name: string;
  #device: VfioDevice | null = null;
  /** Number of open connections. */
  #connections = 0;
  #control: MockControl | null = null;

  constructor(name: string, slot: SlotContext) {
    this.#name = name;
    this.#slot = slot;
  }

  /** The name with which the function was opened last. */
  get name(): string {
    return this.#name;
  }

  get machine(): Machine {
    return this.#slot.machine;
  }

  get model(): DeviceModel {
    return this.#slot.model;
  }

  get device(): VfioDevice | null {
    return this.#device;
  }

  get sriov(): SriovFunction | null {
    return this.#slot.sriov;
  }

  get slotDevices(): readonly VfioDevice[] {
    return this.#slot.functions.flatMap(({ device }) => device ?? []);
  }

  get control(): MockControl {
    this.#control ??= createControl(this);
    return this.#control;
  }

  /** Whether the program has requested the {@link control} of the function. */
  get isControlled(): boolean {
    return this.#control !== null;
  }

  /**
   * Opens the function. If the function is already open, the new connection shares the function.
   *
   * @param name - the name that the caller used, for error messages
   * @param token - the VF token of the caller, or null
   * @throws VfioError ENODEV if the device was unplugged, or if the virtual function does not exist;
   *   EACCES if the VF token is missing or wrong; ENOENT if the device is not bound to
   *   vfio-pci, or if the kernel has no character devices; EBUSY if a function of the slot is
   *   already open with a different `via`, or if the group is not viable; EINVAL for a second open
   *   of the character device, and for a VF token if the device has no virtual functions
   */
  open(name: string, via: Via, token: Uuid | null): DeviceConnection {
    const { profile, machine } = this.#slot;
    this.#checkAvailable(name, via);
    if (via === 'cdev' && !profile.cdev) {
      throw new VfioError({
        code: 'ENOENT',
        syscall: 'open',
        path: '/dev/iommu',
        hint: `Linux ${profile.version} has no VFIO character devices: use via=group.`,
      });
    }
    this.#checkVia(name, via);
    const device = this.#device ?? this.#createDevice(name, via);
    this.#checkToken(name, device, token);
    this.#device = device;
    this.#noteOpen(device, true);
    this.#name = name;
    this.#connections++;
    return new MockConnection(name, device, machine, (hint) => {
      if (--this.#connections > 0) return;
      this.#device = null;
      this.#noteOpen(device, false);
      device.close();
      if (this.slotDevices.length > 0) return;
      device.addressSpace.close(hint);
      this.#slot.onUnused();
    });
  }

  #createDevice(name: string, via: Via): VfioDevice {
    const { group, model, profile, machine, functions, sriov } = this.#slot;
    const { limits, faults } = machine;
    const open = this.slotDevices;
    const createAddressSpace = () => {
      const rules = via === 'group' ? type1(profile, limits) : ioas(profile, limits);
      return new MockAddressSpace(name, rules, limits, faults);
    };
    const used = open.map(({ id }) => id);
    return new VfioDevice(model, {
      group,
      via,
      profile,
      machine,
      faults: this.faults,
      addressSpace: open[0]?.addressSpace ?? createAddressSpace(),
      id: DEVICE_IDS.find((id) => !used.includes(id)) ?? DEVICE_IDS[0],
      bus: functions,
      setToken: (token) => {
        if (sriov?.index === null) sriov.card.setToken(token);
      },
    });
  }

  /** Checks the VF token, like the system call that opens the device file. */
  #checkToken(name: string, device: VfioDevice, token: Uuid | null): void {
    const { profile, sriov } = this.#slot;
    const isCdev = device.via === 'cdev';
    const syscall = isCdev ? 'VFIO_DEVICE_BIND_IOMMUFD' : 'VFIO_GROUP_GET_DEVICE_FD';
    const takesNoToken = isCdev && !profile.bindToken;
    if (token !== null && (takesNoToken || !(device.isPhysicalFunction || sriov !== null))) {
      const hint = takesNoToken
        ? `On Linux ${profile.version}, a character device accepts no VF token: omit vfToken.`
        : 'The device has no virtual functions: omit vfToken.';
      throw new VfioError({ code: 'EINVAL', syscall, path: name, hint });
    }
    if (sriov === null) return;
    const { card, index } = sriov;
    try {
      if (index !== null) card.checkExists(index);
      if (takesNoToken) return;
      if (index === null) card.checkPhysical(token, syscall);
      else card.checkVirtual(token, syscall);
    } catch (error) {
      throw error instanceof VfioError ? error.with({ path: name }) : error;
    }
  }

  /** Updates the card after the function was opened or closed. */
  #noteOpen(device: VfioDevice, isOpen: boolean): void {
    const { sriov } = this.#slot;
    if (sriov === null) return;
    if (sriov.index === null) sriov.card.attach(isOpen ? device.bars.config : null);
    else sriov.card.setOpen(sriov.index, isOpen);
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

  /**
   * Checks whether the function can be opened while functions of the slot are open. A group node
   * can be opened only once, but all functions of a group share the open node.
   */
  #checkVia(path: string, wanted: Via): void {
    const open = this.slotDevices[0]?.via;
    if (open === undefined || (open === 'group' && wanted === 'group')) return;
    if (open === 'cdev' && wanted === 'cdev' && this.#device === null) return;
    if (wanted === 'group') throw new VfioError({ code: 'EBUSY', syscall: 'open', path });
    const code = open === 'group' ? 'EBUSY' : 'EINVAL';
    throw new VfioError({ code, syscall: 'VFIO_DEVICE_BIND_IOMMUFD', path });
  }
}
