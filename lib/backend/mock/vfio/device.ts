import type { DeviceInfo, HotResetInfo } from '../../contract.js';
import {
  VFIO_DEVICE_FLAGS_PCI,
  VFIO_DEVICE_FLAGS_RESET,
  VFIO_PCI_NUM_IRQS,
  VFIO_PCI_NUM_REGIONS,
} from '../../uapi.js';
import { fail } from '../errno.js';
import { HardwareFunction, type Bus } from '../hardware/function.js';
import { MockAddressSpace } from '../host/address-space.js';
import type { HostInterrupts } from '../host/interrupts.js';
import type { DeviceModel } from '../models/model.js';
import * as pci from '../pci.js';
import type { Work } from '../work.js';
import { ConfigSpace } from './config-space.js';
import { Features } from './features.js';
import { Interrupts } from './interrupts.js';
import { Ioeventfds } from './ioeventfds.js';
import { Regions } from './regions.js';

/** The machine that a device is plugged into. */
export interface Machine {
  readonly work: Work;
  readonly interrupts: HostInterrupts;
}

/** A function as vfio-pci has it after the first open, by the way of groups. */
export class VfioDevice {
  readonly addressSpace: MockAddressSpace;
  readonly config: ConfigSpace;
  readonly regions: Regions;
  readonly interrupts: Interrupts;
  readonly features = new Features();
  readonly ioeventfds: Ioeventfds;
  readonly #hardware: HardwareFunction;
  readonly #machine: Machine;

  constructor(name: string, model: DeviceModel, machine: Machine) {
    this.addressSpace = new MockAddressSpace(name);
    this.#machine = machine;
    const hardware = new HardwareFunction(model, this.#bus());
    this.#hardware = hardware;
    // The host turns decoding on and bus mastering off (vfio_pci_core_enable()).
    hardware.writeConfig(pci.PCI_COMMAND, 2, pci.PCI_COMMAND_MEMORY);
    this.config = new ConfigSpace(hardware, {
      disableIntx: (disabled) => {
        this.interrupts.intx.userDisabled(disabled);
      },
      resetFunction: () => {
        this.#resetFunction();
      },
      msiActive: () => this.interrupts.msiActive,
      msiQueueSize: () => this.interrupts.msiQueueSize,
    });
    const msix = model.shape.capabilities.find((capability) => capability.name === 'msix');
    this.regions = new Regions(hardware, this.config, msix);
    this.interrupts = new Interrupts(hardware, this.config, machine.interrupts);
    this.ioeventfds = new Ioeventfds(hardware, this.config, this.regions);
  }

  /** Where windows read and write. */
  get bars(): HardwareFunction {
    return this.#hardware;
  }

  /** Whether a mapped BAR can be touched. */
  get reachable(): boolean {
    return this.config.memoryEnabled && !this.features.lowPower;
  }

  info(): DeviceInfo {
    return {
      flags: VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
      numRegions: VFIO_PCI_NUM_REGIONS,
      numIrqs: VFIO_PCI_NUM_IRQS,
    };
  }

  /** VFIO_DEVICE_RESET: it leaves the device in D0, and what the user configured in place. */
  reset(): void {
    const pm = this.#hardware.capability('pm');
    if (pm !== null) {
      this.#hardware.updateConfig(pm + pci.PCI_PM_CTRL, pci.PCI_PM_CTRL_STATE_MASK, false);
    }
    this.#resetFunction();
  }

  /** The device is alone on its bus and in its group. */
  hotResetInfo(name: string, group: number): HotResetInfo {
    return { flags: 0, devices: [{ name, id: group }] };
  }

  /** @param groups - how many the caller names; one is affected */
  hotReset(groups: number): void {
    if (groups > 1) fail('EINVAL', 'VFIO_DEVICE_PCI_HOT_RESET');
    this.reset();
  }

  close(): void {
    this.ioeventfds.close();
    this.interrupts.close();
    this.#hardware.writeConfig(pci.PCI_COMMAND, 2, 0);
    this.#machine.work.drop(this.#hardware);
    this.addressSpace.close();
  }

  #resetFunction(): void {
    this.#hardware.reset();
    this.interrupts.restore();
  }

  #bus(): Bus {
    const { work, interrupts } = this.#machine;
    return {
      read: (address, into) => {
        this.addressSpace.read(address, into);
      },
      write: (address, from) => {
        if (!interrupts.owns(address)) this.addressSpace.write(address, from);
        else if (from.length === 4) {
          const data = new DataView(from.buffer, from.byteOffset, 4).getUint32(0, true);
          interrupts.deliver({ address, data });
        }
      },
      message: (message) => {
        if (interrupts.owns(message.address)) interrupts.deliver(message);
      },
      pin: () => {
        this.interrupts.intx.interrupt();
      },
      defer: (owner, run) => {
        work.defer(owner, run);
      },
      progress: () => {
        work.run();
      },
    };
  }
}
