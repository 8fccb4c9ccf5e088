import { checkShape } from '../hardware/check-shape.js';
import type { DeviceHost, DeviceModel, ModelDefinition } from '../model.js';

/** Not to be taken for the path of a file. */
const NAME = /^[a-z0-9][a-z0-9_-]*$/i;

/**
 * Checks a device model and fills in what it leaves out. Its registers are checked when a device
 * is opened, which is when they are made.
 *
 * @throws TypeError for a value of a wrong type, and a capability that is not known; RangeError for
 *   what hardware cannot have: a BAR whose size is no power of two, capabilities that overlap, a
 *   message table that does not lie in a memory BAR
 */
export function defineModel(definition: ModelDefinition): DeviceModel {
  const { name, shape, create } = definition as Partial<Record<keyof ModelDefinition, unknown>>;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new TypeError(`name of a model must be letters, digits, - and _, not '${String(name)}'`);
  }
  const where = `model '${name}'`;
  if (typeof shape !== 'object' || shape === null) {
    throw new TypeError(`${where}: shape must be an object`);
  }
  if (typeof create !== 'function') throw new TypeError(`${where}: create must be a function`);
  const complete = {
    subsystemVendorId: 0,
    subsystemId: 0,
    revision: 0,
    interruptPin: 0,
    capabilities: [],
    ...definition.shape,
  } as const;
  checkShape(where, complete);
  return Object.freeze({
    name,
    shape: complete,
    kernel: definition.kernel,
    create: (host: DeviceHost) => definition.create(host),
  });
}
