import { checkArray } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Backend, Eventfd } from '../../contract/index.js';
import { checkEventfd } from '../../contract/eventfd.js';
import { backend, MockBackend } from './backend.js';
import type { MockControl } from './control.js';
import type { ModelDefinition } from './hardware/model.js';
import { MockEventfd } from './machine/eventfd.js';
import { defineModel } from './models/define.js';
import { MODELS } from './models/index.js';
import { registry } from './models/registry.js';

for (const model of MODELS) registry.provide(model);

/** The back end of all mock devices. This back end loads no native code. */
export const mockBackend: Backend = backend;

/**
 * Registers a device model. After this call, `openDevice('mock:<name>')` of `vfio` and of
 * `vfio/mock` opens a device of this model.
 *
 * @throws TypeError if a model of that name exists, if a value has a wrong type, or if a capability
 *   is unknown
 * @throws RangeError for a value that no hardware can have
 */
export function registerModel(definition: ModelDefinition): void {
  registry.add(defineModel(definition));
}

/**
 * Returns the {@link MockControl} of a mock device, for injecting faults. The device need not be
 * open. Names with different settings mean different devices. The only exception is the setting
 * `via`, which does not select a different device.
 *
 * @throws VfioError ENODEV for an unknown model and for the name of a real device; EINVAL for an
 *   unknown setting
 */
export function mockControl(name: string): MockControl {
  if (typeof name !== 'string') throw new TypeError('name must be a string');
  if (!backend.owns(name)) {
    throw new VfioError({
      code: 'ENODEV',
      message: 'not a mock device',
      path: name,
      hint: "The name of a mock device begins with 'mock:'.",
    });
  }
  return backend.control(name);
}

export { defineModel, MockBackend };

/**
 * Creates a mock eventfd without opening a device. The consumer of a virtual device's interrupts
 * can use this eventfd.
 */
export function createEventfd(): Eventfd {
  return new MockEventfd();
}

/**
 * Adds 1 to each eventfd.
 * @throws TypeError if an element is not an eventfd; VfioError if `signal()` of an eventfd throws
 */
export function signalEventfds(eventfds: readonly Eventfd[]): void {
  checkArray(eventfds, 'eventfds');
  for (const eventfd of eventfds) checkEventfd(eventfd, 'an eventfd');
  for (const eventfd of eventfds) eventfd.signal();
}
