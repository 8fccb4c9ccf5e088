import { VfioError } from '../../errors.js';
import type { Backend, DeviceConnection, OpenOptions, PciFunction } from '../../contract/index.js';
import type { MockControl } from './control.js';
import { Faults } from './machine/faults.js';
import { defaultLimits } from './machine/limits.js';
import { HostInterrupts } from './machine/interrupts.js';
import { type ModelRegistry, registry } from './models/registry.js';
import { isPath, readModel } from './models/snapshot.js';
import { isMockName, MOCK_PREFIX } from '../../contract/names.js';
import { checkOpenOptions } from '../../contract/open-options.js';
import { parseName, type MockName, type SriovName } from './name.js';
import { Slot } from './slot.js';
import { SriovCard, type SriovFunction } from './sriov-card.js';
import { physicalModel, virtualModel, whyNoVirtualFunctions } from './sriov-models.js';
import type { DeviceModel } from './hardware/model.js';
import { Work } from './machine/work.js';

/**
 * Emulated PCI functions, with the behaviour of vfio-pci. Names with different settings mean
 * different devices. A second open of an open device shares the device. The first open finds the
 * device in its power-on state.
 */
export class MockBackend implements Backend {
  readonly #models: ModelRegistry;
  readonly #slots = new Map<string, Slot>();
  /** The cards with SR-IOV. */
  readonly #cards = new Map<string, SriovCard>();

  constructor(models: ModelRegistry) {
    this.#models = models;
  }

  /** Whether a name begins with `'mock:'`. */
  owns(name: string): boolean {
    return isMockName(name);
  }

  /** Lists one device for each model. Unplugged devices are omitted. */
  list(): PciFunction[] {
    return this.#models.list().flatMap((one) => {
      const slot = this.#slots.get(this.#parseName(one.name).key);
      // The host unbinds the driver after the last close.
      const away = slot?.isOpen === false ? slot.machine.faults.away : null;
      if (away === 'unplugged') return [];
      return [away === 'unbound' ? { ...one, driver: null } : one];
    });
  }

  /**
   * Opens a mock device by its name.
   *
   * @param name - `'mock:'`, then the name of a model or the path of a snapshot. A snapshot file is
   *   read when the name is used while the device is not open. If the program has requested the
   *   {@link MockControl} of the device, the file is read only once.
   * @throws TypeError for a wrong option, and for `fds`, which only real devices accept
   * @throws VfioError ENODEV for an unknown model; EINVAL for a file that is not a snapshot, for an
   *   unknown setting, and for a VF token that the device does not accept; EACCES for a missing or
   *   wrong VF token; ENOENT for a missing file, and for `via: 'cdev'` on a
   *   kernel without character devices; EBUSY or EINVAL if the device is already open and this
   *   second open is not allowed
   */
  open(name: string, options: OpenOptions): Promise<DeviceConnection> {
    return new Promise((resolve) => {
      resolve(this.openSync(name, options));
    });
  }

  openSync(name: string, options: OpenOptions): DeviceConnection {
    const { via, token, fds } = checkOpenOptions(options);
    if (fds !== undefined) throw new TypeError('a mock device has no file descriptors: omit fds');
    const parsed = this.#parseName(name);
    const slot = this.#findSlot(name, parsed);
    try {
      return slot.at(parsed.index).open(name, via ?? slot.via, token);
    } finally {
      this.#dropUnused(parsed.key);
    }
  }

  /**
   * Returns the control of a device.
   *
   * @throws VfioError for a wrong name, with the same errno as {@link MockBackend.open}
   */
  control(name: string): MockControl {
    const parsed = this.#parseName(name);
    return this.#findSlot(name, parsed).at(parsed.index).control;
  }

  #parseName(name: string): MockName {
    return parseName(name, (model) => this.#models.find(model)?.model);
  }

  /** Returns the slot of a name. If the slot does not exist, creates the slot. */
  #findSlot(name: string, parsed: MockName): Slot {
    const { model, address, layout, label, profile, functions, key, sriov } = parsed;
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const snapshot = isPath(model) ? readModel(model, address) : undefined;
    const found =
      snapshot === undefined
        ? this.#models.find(model)
        : { ...snapshot, group: this.#models.takeGroup() };
    if (found === undefined) {
      const names = this.#models.names.map((other) => MOCK_PREFIX + other).join(', ');
      throw new VfioError({
        code: 'ENODEV',
        message: 'unknown model',
        path: name,
        hint:
          `The models are ${names}. registerModel() of 'vfio/mock' adds a model; ` +
          "'mock:' and a path opens a file of 'vfio snapshot' or a dump of lspci.",
      });
    }
    const chosen = found.model.layouts?.[layout ?? ''] ?? found.model;
    const slot = new Slot(functions, {
      group:
        label === '' && functions.length === 1 && sriov?.index == null
          ? found.group
          : this.#models.takeGroup(),
      model: sriov === null ? chosen : sriovModel(name, chosen, sriov),
      profile,
      sriov: sriov === null ? null : this.#functionOf(sriov),
      machine: {
        work: new Work(),
        interrupts: new HostInterrupts(),
        limits: {
          ...defaultLimits(),
          ...(snapshot?.ranges === undefined ? {} : { ranges: snapshot.ranges }),
        },
        faults: new Faults(),
      },
      onUnused: () => {
        this.#dropUnused(key);
      },
    });
    this.#slots.set(key, slot);
    return slot;
  }

  /**
   * Forgets a slot whose next open finds the power-on state anyway. If the program has requested the
   * control of a slot, the slot keeps its faults and is not dropped.
   */
  #dropUnused(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot.isOpen || slot.isControlled) return;
    this.#slots.delete(key);
    const remaining = [...this.#slots.values()].map(({ sriov }) => sriov?.card);
    for (const [name, card] of this.#cards) {
      if (!remaining.includes(card)) this.#cards.delete(name);
    }
  }

  /** Returns a function of a card with SR-IOV. If the card does not exist, creates the card. */
  #functionOf({ card: key, total, index }: SriovName): SriovFunction {
    const card = this.#cards.get(key) ?? new SriovCard(total);
    this.#cards.set(key, card);
    return { card, index };
  }
}

/** Returns the model of a function of a card with SR-IOV. */
function sriovModel(name: string, model: DeviceModel, { total, index }: SriovName): DeviceModel {
  const reason = whyNoVirtualFunctions(model);
  if (reason !== null) {
    const hint = 'vfs needs a model with PCI Express and without SR-IOV, for example nvme.';
    throw new VfioError({ code: 'EINVAL', message: reason, path: name, hint });
  }
  return index === null ? physicalModel(model, total) : virtualModel(model);
}

/** The back end that opens all mock devices of this process. */
export const backend = new MockBackend(registry);
