import { VfioError } from '../../errors.js';
import type {
  Backend,
  DeviceConnection,
  Eventfd,
  OpenOptions,
  PciFunction,
} from '../../contract/index.js';
import type { MockControl } from './control.js';
import { MockEventfd } from './machine/eventfd.js';
import { Faults } from './machine/faults.js';
import { defaultLimits } from './machine/limits.js';
import { HostInterrupts } from './machine/interrupts.js';
import { defineModel } from './models/define.js';
import { listModels, MODELS } from './models/index.js';
import type { DeviceModel, ModelDefinition } from './hardware/model.js';
import { isPath, readModel } from './models/snapshot.js';
import { isMockName, MOCK_PREFIX } from '../../contract/names.js';
import { checkOpenOptions } from '../../contract/open-options.js';
import { parseName, type MockName } from './name.js';
import { Slot } from './slot.js';
import { Work } from './machine/work.js';

/**
 * PCI functions in software that answer as vfio-pci does. A name with its settings means one
 * device: who opens it while it is open shares it, and with nobody it is as after power-on.
 */
export class MockBackend implements Backend {
  readonly #models = new Map<string, { readonly model: DeviceModel; readonly group: number }>();
  readonly #slots = new Map<string, Slot>();
  #groups = 0;

  constructor(models: readonly DeviceModel[]) {
    for (const model of models) this.add(model);
  }

  /** @throws TypeError if there is one of that name */
  add(model: DeviceModel): void {
    if (this.#models.has(model.name)) {
      throw new TypeError(`there is a model '${model.name}' already`);
    }
    this.#models.set(model.name, { model, group: this.#groups++ });
  }

  /** `'mock:nvme'`, and anything else that begins so. */
  owns(name: string): boolean {
    return isMockName(name);
  }

  /** What is in the slots of the models' own names. */
  list(): PciFunction[] {
    return listModels(this.#models.values()).flatMap((one) => {
      const slot = this.#slots.get(this.#parse(one.name).key);
      // The host waits until it is closed.
      const away = slot?.device === null ? slot.machine.faults.away : null;
      if (away === 'unplugged') return [];
      return [away === 'unbound' ? { ...one, driver: null } : one];
    });
  }

  /**
   * @param name - of a model, or the path of a snapshot, which is read once
   * @throws TypeError if an option is wrong, or is one of real devices only: `fds`
   * @throws VfioError ENODEV no such model; EINVAL for a file that is no snapshot, a setting that is
   *   not known, and a VF token; ENOENT where there is no such file, and for `via: 'cdev'` where the
   *   kernel has none; EBUSY or EINVAL if the device is open and the ways in exclude each other
   */
  open(name: string, options: OpenOptions): Promise<DeviceConnection> {
    return new Promise((resolve) => {
      resolve(this.openSync(name, options));
    });
  }

  openSync(name: string, options: OpenOptions): DeviceConnection {
    const { via, token, fds } = checkOpenOptions(options);
    if (fds !== undefined) throw new TypeError('a mock device has no file descriptors: omit fds');
    const slot = this.#slot(name, this.#parse(name));
    return slot.open(name, via ?? slot.via, token !== null);
  }

  /** @throws as {@link MockBackend.open} for the name */
  control(name: string): MockControl {
    return this.#slot(name, this.#parse(name)).control;
  }

  #parse(name: string): MockName {
    return parseName(name, (model) => this.#models.get(model)?.model.kernel);
  }

  #slot(name: string, { model, label, profile, key }: MockName): Slot {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const seen = isPath(model) ? readModel(model) : undefined;
    const found = seen === undefined ? this.#models.get(model) : { ...seen, group: this.#groups++ };
    if (found === undefined) {
      const names = [...this.#models.keys()].map((other) => MOCK_PREFIX + other).join(', ');
      throw new VfioError({
        code: 'ENODEV',
        message: 'no such model',
        path: name,
        hint: `There are: ${names}. registerModel() of 'vfio/mock' adds others; a file of 'vfio snapshot' is named by its path.`,
      });
    }
    const group = label === '' ? found.group : this.#groups++;
    const slot = new Slot(group, found.model, profile, {
      work: new Work(),
      interrupts: new HostInterrupts(),
      limits: { ...defaultLimits(), ...(seen === undefined ? {} : { ranges: seen.ranges }) },
      faults: new Faults(),
    });
    this.#slots.set(key, slot);
    return slot;
  }
}

const backend = new MockBackend(MODELS);

/** The back end of `'mock:edu'` and of all other models. It loads no native code. */
export const mockBackend: Backend = backend;

/**
 * Adds a device model: `openDevice('mock:' + its name)` finds it from now on, that of `vfio` as
 * well as that of `vfio/mock`.
 *
 * @throws TypeError if there is a model of that name, and as {@link defineModel}
 * @throws RangeError as {@link defineModel}
 */
export function registerModel(definition: ModelDefinition): void {
  backend.add(defineModel(definition));
}

/**
 * What makes things go wrong with the device of a name, whether it is open or not. A name with its
 * settings means one device: the settings are part of it, but for `via`.
 *
 * @throws VfioError ENODEV no such model, or not the name of an imitation; EINVAL for a setting that
 *   is not known
 */
export function mockControl(name: string): MockControl {
  if (typeof name !== 'string') throw new TypeError('name must be a string');
  if (!backend.owns(name)) {
    throw new VfioError({ code: 'ENODEV', message: 'not an imitated device', path: name });
  }
  return backend.control(name);
}

export { defineModel };

/** A counter with the rules of an eventfd, without a device: for the consumer of a virtual one. */
export function createEventfd(): Eventfd {
  return new MockEventfd();
}

/** Adds 1 to each of the eventfds. @throws as `signal()` of each */
export function signalEventfds(eventfds: readonly Eventfd[]): void {
  for (const eventfd of eventfds) eventfd.signal();
}
