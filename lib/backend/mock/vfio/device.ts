import type { Message } from '../../../contract/message.js';
import type { DeviceInfo, HotResetInfo, Via } from '../../../contract/index.js';
import {
  VFIO_DEVICE_FLAGS_PCI,
  VFIO_DEVICE_FLAGS_RESET,
  VFIO_PCI_HOT_RESET_FLAG_DEV_ID,
  VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED,
  VFIO_PCI_NUM_REGIONS,
} from '../../../contract/uapi.js';
import { fail } from '../machine/errno.js';
import { HardwareFunction, type Bus } from '../hardware/function.js';
import { MockAddressSpace } from '../machine/address-space.js';
import { ioas } from '../machine/ioas.js';
import type { Machine } from '../machine/machine.js';
import { type1 } from '../machine/type1.js';
import { DmaFault } from '../machine/dma-fault.js';
import type { DeviceModel } from '../hardware/model.js';
import * as pci from '../hardware/pci.js';
import type { Profile } from '../machine/profile.js';
import { ConfigSpace } from './config-space.js';
import { Features } from './features.js';
import { Interrupts } from './interrupts.js';
import { Ioeventfds } from './ioeventfds.js';
import { Pasids } from './pasids.js';
import { Power } from './power.js';
import { Regions } from './regions.js';

/** Where a function is, and what it is reached by. */
export interface Place {
  readonly group: number;
  readonly via: Via;
  readonly profile: Profile;
  readonly machine: Machine;
}

/** Object id that iommufd gives the first device; 1 is its address space. */
const DEVICE_ID = 2;
const D0 = 0;

/** A function as vfio-pci has it after the first open. */
export class VfioDevice {
  readonly group: number;
  readonly via: Via;
  readonly kernel: string;
  /** Whether it is one of SR-IOV, which has virtual functions. */
  readonly isPhysicalFunction: boolean;
  readonly addressSpace: MockAddressSpace;
  readonly config: ConfigSpace;
  readonly regions: Regions;
  readonly interrupts: Interrupts;
  readonly features: Features;
  readonly ioeventfds: Ioeventfds;
  readonly pasids: Pasids;
  readonly #hardware: HardwareFunction;
  readonly #machine: Machine;
  readonly #power: Power;
  readonly #resets: boolean;

  constructor(name: string, model: DeviceModel, { group, via, profile, machine }: Place) {
    const { limits, faults } = machine;
    this.group = group;
    this.via = via;
    this.kernel = `mock ${profile.version}`;
    const rules = via === 'group' ? type1(profile, limits) : ioas(profile, limits);
    this.addressSpace = new MockAddressSpace(name, rules, limits, faults);
    this.#machine = machine;
    const hardware = new HardwareFunction(model, this.#bus());
    this.#hardware = hardware;
    this.isPhysicalFunction = hardware.capability('sriov') !== null;
    this.#resets = model.shape.resets !== false;
    // As the firmware of a PC leaves it, but for bus mastering (vfio_pci_core_enable()).
    const command = pci.PCI_COMMAND_IO | pci.PCI_COMMAND_MEMORY | pci.PCI_COMMAND_SERR;
    hardware.writeConfig(pci.PCI_COMMAND, 2, command);
    this.#power = new Power(hardware, () => {
      this.interrupts.restore();
    });
    this.config = new ConfigSpace(hardware, profile, {
      disableIntx: (disabled) => {
        this.interrupts.intx.userDisabled(disabled);
      },
      setPowerState: (state) => {
        this.#power.set(state);
      },
      resetFunction: () => {
        this.#resetFunction();
      },
      msiActive: () => this.interrupts.msiActive,
      msiQueueSize: () => this.interrupts.msiQueueSize,
    });
    this.regions = new Regions(hardware, this.config, profile);
    this.interrupts = new Interrupts(
      hardware,
      this.config,
      machine.interrupts,
      profile,
      model.shape.sources,
    );
    this.ioeventfds = new Ioeventfds(hardware, this.config, this.regions, profile);
    this.features = new Features(profile, {
      bars: {
        barSize: (index) => hardware.barSize(index),
        isMemory: (index) => hardware.bar(index)?.kind !== 'io',
      },
      isPhysicalFunction: this.isPhysicalFunction,
      hasMsi: hardware.capability('msi') !== null,
      showMessage: () => {
        this.config.showMessage();
      },
    });
    this.pasids = new Pasids(via, profile);
  }

  /** Where windows read and write. */
  get bars(): HardwareFunction {
    return this.#hardware;
  }

  /** Whether a mapped BAR can be touched. */
  get reachable(): boolean {
    return this.config.memoryEnabled && !this.features.lowPower;
  }

  /** Any use of the device file wakes a device in low power, which is then in D0. */
  wake(): void {
    if (!this.features.lowPower) return;
    this.#power.set(D0);
    // The kernel had suspended it, and writes messages back as it resumes.
    this.interrupts.restore();
    this.features.resume();
  }

  info(): DeviceInfo {
    return {
      flags: VFIO_DEVICE_FLAGS_PCI | (this.#resets ? VFIO_DEVICE_FLAGS_RESET : 0),
      numRegions: VFIO_PCI_NUM_REGIONS,
      numIrqs: this.interrupts.indexes,
    };
  }

  /** VFIO_DEVICE_RESET: it leaves the device in D0, and what the user configured in place. */
  reset(): void {
    if (!this.#resets) fail('EINVAL', 'VFIO_DEVICE_RESET');
    // Whoever removes the driver has the lock of the device until it is closed.
    const { away } = this.#machine.faults;
    if (this.#hardware.absent || away === 'unbound') fail('EAGAIN', 'VFIO_DEVICE_RESET');
    this.#resetFunction();
  }

  /** The function leaves its slot. */
  unplug(): void {
    this.#hardware.unplug();
    this.#machine.work.drop(this.#hardware);
  }

  #resetFunction(): void {
    this.#power.set(D0);
    this.#hardware.reset();
    this.interrupts.restore();
  }

  /** The device is alone on its bus and in its group. */
  hotResetInfo(name: string): HotResetInfo {
    if (!this.#resets) fail('ENODEV', 'VFIO_DEVICE_GET_PCI_HOT_RESET_INFO');
    if (this.via === 'group') return { flags: 0, devices: [{ name, id: this.group }] };
    const flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
    return { flags, devices: [{ name, id: DEVICE_ID }] };
  }

  /** @param groups - how many the caller names; one is affected. The other way names none. */
  hotReset(groups: number): void {
    if (!this.#resets) fail('ENODEV', 'VFIO_DEVICE_PCI_HOT_RESET');
    if (this.via === 'group' && groups > 1) fail('EINVAL', 'VFIO_DEVICE_PCI_HOT_RESET');
    this.#resetFunction();
  }

  close(): void {
    this.ioeventfds.close();
    this.interrupts.close();
    this.#hardware.writeConfig(pci.PCI_COMMAND, 2, 0);
    this.#machine.work.drop(this.#hardware);
    this.addressSpace.close();
  }

  #deliver(message: Message): void {
    const { interrupts, faults } = this.#machine;
    if (faults.interruptsLost > 0) {
      faults.interruptsLost--;
      return;
    }
    this.#late(() => {
      interrupts.deliver(message);
    });
  }

  /** A message to any other address is a write of 4 bytes, which nobody looks after. */
  #strayMessage({ address, data }: Message): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, data, true);
    try {
      this.addressSpace.write(address, bytes);
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
    }
  }

  /** Interrupts arrive when they may. */
  #late(arrive: () => void): void {
    const { work, faults } = this.#machine;
    if (faults.interruptDelay === 0) arrive();
    else work.defer(this.#hardware, arrive, faults.interruptDelay);
  }

  #checkPasid(address: bigint, pasid: number | undefined): void {
    if (pasid !== undefined && !this.pasids.has(pasid)) {
      throw new DmaFault(address, 'no such PASID');
    }
  }

  #bus(): Bus {
    const { work, interrupts } = this.#machine;
    return {
      read: (address, into, { pasid }) => {
        this.#checkPasid(address, pasid);
        this.addressSpace.read(address, into);
      },
      write: (address, from, { pasid }) => {
        this.#checkPasid(address, pasid);
        // With a PASID these addresses are translated as all others (Intel VT-d).
        const message = pasid === undefined && interrupts.owns(address);
        if (!message) this.addressSpace.write(address, from);
        else if (from.length === 4) {
          const data = new DataView(from.buffer, from.byteOffset, 4).getUint32(0, true);
          this.#deliver({ address, data });
        }
      },
      message: (message) => {
        if (interrupts.owns(message.address)) this.#deliver(message);
        else this.#strayMessage(message);
      },
      pin: () => {
        this.#late(() => {
          if (this.#hardware.pin) this.interrupts.intx.interrupt();
        });
      },
      defer: (owner, run, ms) => {
        work.defer(owner, run, ms);
      },
      progress: () => {
        work.run();
      },
    };
  }
}
