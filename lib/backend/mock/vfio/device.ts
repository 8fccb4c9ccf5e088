import type { DeviceClock } from '../../../contract/clock.js';
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
import type { DeviceFaults } from '../hardware/device-faults.js';
import { HardwareFunction, type Bus } from '../hardware/function.js';
import type { MockAddressSpace } from '../machine/address-space.js';
import { MockCreatedAddressSpace } from '../machine/created-address-space.js';
import type { Machine } from '../machine/machine.js';
import { DmaFault } from '../machine/dma-fault.js';
import type { DeviceModel } from '../hardware/model.js';
import * as pci from '../hardware/pci.js';
import type { Profile } from '../machine/profile.js';
import { ConfigSpace } from './config-space.js';
import { DmaBufs, type ExportingDevice } from './dma-buf.js';
import { Features } from './features.js';
import { Interrupts } from './interrupts.js';
import { Ioeventfds } from './ioeventfds.js';
import { Pasids } from './pasids.js';
import { Power } from './power.js';
import { publishRefusal } from './refused-dma.js';
import { Regions } from './regions.js';

/** A function on the bus of a device. */
export interface BusFunction {
  readonly name: string;
  /** The open function, or null while the function is not open. */
  readonly device: VfioDevice | null;
}

/** Environment of a function: IOMMU group, way of access, kernel, host machine and bus. */
export interface Place {
  readonly group: number;
  readonly via: Via;
  readonly profile: Profile;
  readonly machine: Machine;
  /** The faults of the function. */
  readonly faults: DeviceFaults;
  /** The address space of the group. */
  readonly addressSpace: MockAddressSpace;
  /** Object id of the device in the iommufd. */
  readonly id: number;
  /** All functions of the bus, including the function itself. All of them are in the group. */
  readonly bus: readonly BusFunction[];
  /** Sets the VF token of a physical function: 16 bytes. */
  setToken(token: Uint8Array): void;
}

/** Id of a device that is not open, but whose group belongs to the iommufd (VFIO_PCI_DEVID_OWNED). */
const OWNED_ID = 0;
const D0 = 0;

/** A PCI function that vfio-pci has opened. All connections to the device share one VfioDevice. */
export class VfioDevice {
  readonly group: number;
  readonly via: Via;
  /** Object id of the device in the iommufd. */
  readonly id: number;
  readonly kernel: string;
  /** Whether the device is a physical function of SR-IOV. */
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
  readonly #bus: readonly BusFunction[];
  readonly #power: Power;
  readonly #dmaBufs: DmaBufs;
  readonly #resets: boolean;
  readonly #profile: Profile;

  constructor(model: DeviceModel, { group, via, profile, machine, ...place }: Place) {
    this.group = group;
    this.via = via;
    this.id = place.id;
    this.kernel = `mock ${profile.version}`;
    this.addressSpace = place.addressSpace;
    this.#machine = machine;
    this.#profile = profile;
    this.#bus = place.bus;
    const hardware = new HardwareFunction(model, this.#createBus(), place.faults);
    this.#hardware = hardware;
    this.isPhysicalFunction = hardware.capability('sriov') !== null;
    this.#resets = model.shape.resets !== false;
    // Firmware of a PC sets these bits and the bus master bit. vfio_pci_core_enable() clears the
    // bus master bit.
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
        if (!this.config.memoryEnabled) this.#dmaBufs.revoke();
      },
      disableMemory: () => {
        this.#dmaBufs.revoke();
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
    this.ioeventfds = new Ioeventfds(hardware, this.regions, profile);
    this.#dmaBufs = new DmaBufs(this.#createExporter());
    this.features = new Features(profile, {
      dmaBufs: this.#dmaBufs,
      isPhysicalFunction: this.isPhysicalFunction,
      hasMsi: hardware.capability('msi') !== null,
      setToken: (token) => {
        place.setToken(token);
      },
      showMessage: () => {
        this.config.showMessage();
      },
    });
    this.pasids = new Pasids(via, profile);
  }

  /** The hardware of the function. Register windows access the BARs of this hardware. */
  get bars(): HardwareFunction {
    return this.#hardware;
  }

  /** The clock of the device. */
  get clock(): DeviceClock {
    return this.#machine.work;
  }

  /** Whether the device responds to an access to a mapped BAR. */
  get reachable(): boolean {
    return this.config.memoryEnabled && !this.features.lowPower;
  }

  /** Wakes the device from low power to D0. Each use of the device file wakes the device. */
  wake(): void {
    if (!this.features.lowPower) return;
    this.#power.set(D0);
    // The kernel restores the interrupt messages when the kernel resumes the device.
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

  /**
   * VFIO_DEVICE_RESET. After the reset, the device is in D0, and the user's copy of configuration
   * space is unchanged.
   */
  reset(): void {
    if (!this.#resets) fail('EINVAL', 'VFIO_DEVICE_RESET');
    // While the host waits to unbind the driver, the host owns the device lock. The reset therefore
    // fails until the device is closed.
    const { away } = this.#machine.faults;
    if (this.#hardware.isUnplugged || away === 'unbound') fail('EAGAIN', 'VFIO_DEVICE_RESET');
    this.#resetFunction();
  }

  /** Unplugs the function and drops its deferred work. */
  unplug(): void {
    this.#dmaBufs.close();
    this.#hardware.unplug();
    this.#machine.work.drop(this.#hardware);
  }

  /** Stops the function and drops its deferred work. A reset starts the function again. */
  stopResponding(): void {
    this.#hardware.stopResponding();
    this.#machine.work.drop(this.#hardware);
  }

  #resetFunction(): void {
    this.#dmaBufs.revoke();
    this.#hardware.startResponding();
    this.#power.set(D0);
    this.#hardware.reset();
    this.interrupts.restore();
  }

  /** Lists the devices that a hot reset affects: all functions of the bus. */
  hotResetInfo(): HotResetInfo {
    if (!this.#resets) fail('ENODEV', 'VFIO_DEVICE_GET_PCI_HOT_RESET_INFO');
    const byGroup = this.via === 'group';
    const flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
    return {
      flags: byGroup ? 0 : flags,
      devices: this.#bus.map(({ name, device }) => ({
        name,
        id: byGroup ? this.group : (device?.id ?? OWNED_ID),
      })),
    };
  }

  /**
   * Resets the bus of the device. All functions of the bus are in the group of the device, so the
   * kernel also resets a function that is not open.
   *
   * @param groups - number of groups in the caller's list; 0 if the device was opened through its
   *   character device
   */
  hotReset(groups: number): void {
    if (!this.#resets) fail('ENODEV', 'VFIO_DEVICE_PCI_HOT_RESET');
    if (this.via === 'group' && groups > 1) fail('EINVAL', 'VFIO_DEVICE_PCI_HOT_RESET');
    for (const { device } of this.#bus) if (device !== null) device.#resetFunction();
  }

  /** Creates an address space for PASIDs: IOMMU_IOAS_ALLOC. @param name - for error messages */
  createAddressSpace(name: string): MockCreatedAddressSpace {
    this.pasids.check('IOMMU_IOAS_ALLOC');
    const { limits, faults } = this.#machine;
    return new MockCreatedAddressSpace(name, this.#profile, limits, faults);
  }

  close(): void {
    this.#dmaBufs.close();
    this.pasids.detachAll();
    this.ioeventfds.close();
    this.interrupts.close();
    this.#hardware.writeConfig(pci.PCI_COMMAND, 2, 0);
    this.#machine.work.drop(this.#hardware);
  }

  get #name(): string {
    return this.#bus.find(({ device }) => device === this)?.name ?? '';
  }

  #deliver(message: Message): void {
    const { interrupts, faults } = this.#machine;
    if (faults.interruptsLost > 0) {
      faults.interruptsLost--;
      return;
    }
    this.#delay(() => {
      interrupts.deliver(message, this.#hardware);
    });
  }

  /**
   * Writes a message to memory. The address of this message is not an interrupt address. An IOMMU
   * fault of this write is ignored.
   */
  #writeMessage({ address, data }: Message): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, data, true);
    try {
      publishRefusal(
        () => this.#name,
        true,
        () => {
          this.addressSpace.write(address, bytes);
        },
      );
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
    }
  }

  /** Calls `arrive` after the delay that `delayInterrupts()` has set. */
  #delay(arrive: () => void): void {
    const { work, faults } = this.#machine;
    if (faults.interruptDelay === 0) arrive();
    else work.defer(this.#hardware, arrive, faults.interruptDelay);
  }

  /** Returns the address space of a DMA request. */
  #spaceOf(address: bigint, pasid: number | undefined): MockAddressSpace {
    if (pasid === undefined) return this.addressSpace;
    const space = this.pasids.find(pasid);
    if (space === undefined) throw new DmaFault(address, 'no such PASID');
    return space;
  }

  #createExporter(): ExportingDevice {
    const hardware = this.#hardware;
    const isResponding = () => this.reachable;
    return {
      get isResponding() {
        return isResponding();
      },
      barSize: (index) => hardware.barSize(index),
      isMemory: (index) => hardware.bar(index)?.kind !== 'io',
      read: (index, offset, into) => {
        this.regions.readByDma(index, offset, into);
      },
      write: (index, offset, from) => {
        this.regions.writeByDma(index, offset, from);
      },
    };
  }

  #createBus(): Bus {
    const { work, interrupts } = this.#machine;
    const name = () => this.#name;
    return {
      read: (address, into, { pasid }) => {
        publishRefusal(name, false, () => {
          this.#spaceOf(address, pasid).read(address, into);
        });
      },
      write: (address, from, { pasid }) => {
        // If a write has a PASID, the IOMMU translates every address, even the address of an
        // interrupt message (Intel VT-d).
        const isMessage = pasid === undefined && interrupts.isMessageAddress(address);
        if (!isMessage) {
          publishRefusal(name, true, () => {
            this.#spaceOf(address, pasid).write(address, from);
          });
        } else if (from.length === 4) {
          const data = new DataView(from.buffer, from.byteOffset, 4).getUint32(0, true);
          this.#deliver({ address, data });
        }
      },
      sendMessage: (message) => {
        if (interrupts.isMessageAddress(message.address)) this.#deliver(message);
        else this.#writeMessage(message);
      },
      assertPin: () => {
        this.#delay(() => {
          if (this.#hardware.pin) this.interrupts.intx.interrupt();
        });
      },
      defer: (owner, run, ms) => {
        work.defer(owner, run, ms);
      },
      runDueWork: () => {
        work.run();
      },
    };
  }
}
