import { checkInstance } from '../../../checks.js';
import type {
  FieldValues,
  RegisterDefinition,
  RegisterDefinitions,
  RegisterValue,
} from '../../../registers/definition.js';
import { bigintCodec, numberCodec } from '../../../registers/fields.js';
import type { RegisterLayout } from '../../../registers/layout.js';
import { layoutsOf, RegisterMap } from '../../../registers/map.js';
import type { Register } from './model.js';
import { bigintRules, numberRules } from './register-rules.js';
import { createState, type RegisterState } from './register-state.js';

/** The state of a register of a device model, as the device sees the register. */
export interface ModelRegister<D extends RegisterDefinition = RegisterDefinition> {
  /** The value. The device can set all bits, also the bits that a driver cannot write. */
  value: RegisterValue<D>;
  /** Returns the fields. */
  read(): FieldValues<D>;
  /** Sets the given fields. All other bits keep their values. */
  update(fields: Partial<FieldValues<D>>): void;
  /**
   * Calls a function after each write of a driver.
   *
   * @param listener - receives the new value of the register, the value before the write, and the
   *   index of the register in its array
   */
  onWrite(
    listener: (value: RegisterValue<D>, before: RegisterValue<D>, index: number) => void,
  ): void;
  /** Calls a function for each read of a driver. The result replaces the value of the register. */
  onRead(listener: (index: number) => RegisterValue<D>): void;
}

/** The state of an array of registers. The listeners serve all registers of the array. */
export interface ModelRegisterArray<D extends RegisterDefinition = RegisterDefinition> extends Pick<
  ModelRegister<D>,
  'onWrite' | 'onRead'
> {
  readonly length: number;
  /** @throws RangeError if the array has no such register */
  at(index: number): Pick<ModelRegister<D>, 'value' | 'read' | 'update'>;
}

/** The registers of a device model, made from a definition. Made by {@link modelRegisters}. */
export interface ModelRegisters<T extends RegisterDefinitions = RegisterDefinitions> {
  /** The registers for `DeviceLogic.registers`. */
  readonly registers: readonly Register[];
  /** The state of each register by name. */
  readonly regs: {
    readonly [K in keyof T]: T[K] extends { readonly count: number }
      ? ModelRegisterArray<T[K]>
      : ModelRegister<T[K]>;
  };
  /** Sets all registers to their reset values. Calls no listener. */
  readonly reset: () => void;
}

/**
 * Makes the registers of a device model from a definition. The registers begin with their reset
 * values. A driver reads and writes each field as its access permits: a write does not change `'ro'`
 * fields and reserved bits, a write of 1 clears bits of `'w1c'` fields and sets bits of `'w1s'`
 * fields, and `'wo'` fields read as 0.
 *
 * @example
 * const card = defineRegisters('card', {
 *   id: { offset: 0x00, width: 4, access: 'ro', reset: 0x10ed },
 *   control: { offset: 0x04, width: 4, fields: { start: 0 } },
 *   status: { offset: 0x08, width: 4, access: 'w1c', fields: { done: 0 } },
 * });
 * const model = defineModel({
 *   name: 'card',
 *   shape: { vendorId: 0x1234, deviceId: 1, classCode: 0xff0000, bars: [{ index: 0, size: 4096 }] },
 *   create() {
 *     const { registers, regs, reset } = modelRegisters(card);
 *     regs.control.onWrite((value) => {
 *       if ((value & 1) !== 0) regs.status.update({ done: 1 });
 *     });
 *     return { registers: { 0: registers }, reset };
 *   },
 * });
 */
export function modelRegisters<T extends RegisterDefinitions>(
  map: RegisterMap<T>,
): ModelRegisters<T> {
  checkInstance(map, 'map', RegisterMap);
  const layouts = layoutsOf(map);
  const states = layouts.map(stateOf);
  const regs: Record<string, object> = {};
  for (const [i, { name }] of layouts.entries()) regs[name] = states[i]?.accessor ?? {};
  return {
    registers: states.flatMap(({ registers }) => registers),
    // The definitions give the types.
    regs: regs as ModelRegisters<T>['regs'],
    reset() {
      for (const state of states) state.reset();
    },
  };
}

const makers = new WeakMap<RegisterLayout, () => RegisterState>();

/** Creates the state of a register. All devices of a model use the same rules. */
function stateOf(layout: RegisterLayout): RegisterState {
  let make = makers.get(layout);
  if (make === undefined) makers.set(layout, (make = makerOf(layout)));
  return make();
}

function makerOf(layout: RegisterLayout): () => RegisterState {
  if (layout.width === 8) {
    const [rules, codec] = [bigintRules(layout), bigintCodec(layout)];
    return () => createState(layout, rules, codec);
  }
  const [rules, codec] = [numberRules(layout), numberCodec(layout)];
  return () => createState(layout, rules, codec);
}
