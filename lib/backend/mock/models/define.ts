import { checkObject, checkOptions, checkString } from '../../../checks.js';
import { checkShape } from '../hardware/check-shape.js';
import type { DeviceHost, DeviceLogic, DeviceModel, ModelDefinition } from '../hardware/model.js';
import { profileOf } from '../machine/profile.js';

/** Pattern of a model's name. A name without `/` and `.` cannot be the path of a snapshot. */
const NAME = /^[a-z0-9][a-z0-9_-]*$/i;

/**
 * Checks a device model and adds the default values. `create` is called later, when a device is
 * opened. The registers that `create` returns are checked when the device is opened.
 *
 * @throws TypeError for a value of a wrong type and for an unknown capability; RangeError for a
 *   value that no hardware can have, for example a BAR size of 3 bytes, overlapping capabilities,
 *   or an MSI-X table outside of a memory BAR
 */
export function defineModel(definition: ModelDefinition): DeviceModel {
  checkObject(definition, 'a model');
  const { name, shape, create } = definition as Partial<Record<keyof ModelDefinition, unknown>>;
  checkString(name, 'name of a model');
  if (!NAME.test(name)) {
    throw new TypeError(`name of a model must consist of letters, digits, - and _, not '${name}'`);
  }
  const where = `model '${name}'`;
  checkOptions(definition, ['name', 'shape', 'kernel', 'create'], where);
  checkKernel(where, definition.kernel);
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
    create: (host: DeviceHost) => {
      const logic = definition.create(host);
      checkLogic(where, logic);
      return logic;
    },
  });
}

function checkKernel(where: string, kernel: ModelDefinition['kernel']): void {
  if (kernel === undefined) return;
  checkOptions(kernel, ['kernel', 'dmabuf', 'novirt', 'variant', 'via'], `${where}: kernel`);
  profileOf(kernel);
}

function checkLogic(where: string, logic: DeviceLogic): void {
  checkObject(logic, `${where}: the result of create()`);
  const { registers, reset } = logic as Partial<Record<keyof DeviceLogic, unknown>>;
  checkObject(registers, `${where}: registers`);
  if (typeof reset !== 'function') throw new TypeError(`${where}: reset must be a function`);
}
