import type { Via } from '../../contract/index.js';
import type { DeviceModel } from './hardware/model.js';
import type { Machine } from './machine/machine.js';
import type { Profile } from './machine/profile.js';
import type { SriovFunction } from './sriov-card.js';
import { SlotFunction, type SlotContext } from './slot-function.js';

/** Properties of a slot. All functions of the slot have the same properties. */
export type SlotOptions = Omit<SlotContext, 'functions'>;

/**
 * A slot of the mock machine, with one or two functions. The functions of a slot share one bus, one
 * IOMMU group and one address space.
 */
export class Slot implements SlotContext {
  readonly group: number;
  readonly model: DeviceModel;
  readonly profile: Profile;
  readonly machine: Machine;
  readonly sriov: SriovFunction | null;
  readonly onUnused: () => void;
  readonly functions: readonly SlotFunction[];

  /** @param names - names of the functions */
  constructor(names: readonly string[], options: SlotOptions) {
    this.group = options.group;
    this.model = options.model;
    this.profile = options.profile;
    this.machine = options.machine;
    this.sriov = options.sriov;
    this.onUnused = options.onUnused;
    this.functions = names.map((name) => new SlotFunction(name, this));
  }

  /**
   * The default of the option `via`. If the name of the device contains `via`, the default is the
   * value in the name. Otherwise, the default is `'cdev'` if the function has PASIDs and the kernel
   * can attach PASIDs. In all other cases, the default is `'group'`.
   */
  get via(): Via {
    const { via, pasids } = this.profile;
    const hasPasids = this.model.shape.capabilities.some(({ name }) => name === 'pasid');
    return via ?? (hasPasids && pasids ? 'cdev' : 'group');
  }

  /** Whether a function of the slot is open. */
  get isOpen(): boolean {
    return this.functions.some(({ device }) => device !== null);
  }

  /** Whether the program has requested the control of a function. */
  get isControlled(): boolean {
    return this.functions.some(({ isControlled }) => isControlled);
  }

  /** Returns a function of the slot. */
  at(index: number): SlotFunction {
    const chosen = this.functions[index];
    if (chosen === undefined) throw new RangeError(`the slot has no function ${index}`);
    return chosen;
  }
}
