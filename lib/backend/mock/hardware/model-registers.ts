import { checkInstance } from '../../../checks.js';
import { createArray } from '../../../registers/array.js';
import { type EntryLayout, isBlock } from '../../../registers/block.js';
import type {
  BlockDefinition,
  FieldValues,
  RegisterDefinition,
  RegisterDefinitions,
  RegisterValue,
} from '../../../registers/definition.js';
import { bigintCodec, numberCodec } from '../../../registers/fields.js';
import type { RegisterLayout } from '../../../registers/layout.js';
import { layoutsOf, RegisterMap } from '../../../registers/map.js';
import type { Register, RegisterPlace } from './model.js';
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

/** An array of blocks of registers. */
export interface ModelBlockArray<T extends RegisterDefinitions = RegisterDefinitions> {
  readonly length: number;
  /** @throws RangeError if the array has no such block */
  at(index: number): ModelAccessors<T>;
}

/** The state of each register by name, with the registers of blocks. */
export type ModelAccessors<T extends RegisterDefinitions> = {
  readonly [K in keyof T]: ModelAccessor<T[K]>;
};

/** The state of a register, or of the registers of a block. */
export type ModelAccessor<E extends RegisterDefinition | BlockDefinition> =
  E extends BlockDefinition
    ? E extends { readonly count: number }
      ? ModelBlockArray<E['registers']>
      : ModelAccessors<E['registers']>
    : E extends RegisterDefinition
      ? E extends { readonly count: number }
        ? ModelRegisterArray<E>
        : ModelRegister<E>
      : never;

/** The registers of a device model, made from a definition. Made by {@link modelRegisters}. */
export interface ModelRegisters<T extends RegisterDefinitions = RegisterDefinitions> {
  /** The registers for `DeviceLogic.registers`. */
  readonly registers: readonly Register[];
  /** The state of each register by name. */
  readonly regs: ModelAccessors<T>;
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
  const states: RegisterState[] = [];
  // The definitions give the types.
  const regs = accessorsOf(layoutsOf(map), '', 0, states) as ModelRegisters<T>['regs'];
  return {
    registers: states.flatMap(({ registers }) => registers),
    regs,
    reset() {
      for (const state of states) state.reset();
    },
  };
}

/**
 * Creates the states of the registers of a map or of a block.
 *
 * @param owner - the name of the block with a dot, or nothing for a map
 * @param base - the offset of the block
 * @param states - receives the states
 */
function accessorsOf(
  layouts: readonly EntryLayout[],
  owner: string,
  base: number,
  states: RegisterState[],
): object {
  const regs: Record<string, object> = {};
  for (const layout of layouts) {
    const name = owner + layout.name;
    if (!isBlock(layout)) {
      const state = stateOf(layout, { name, offset: base + layout.offset });
      states.push(state);
      regs[layout.name] = state.accessor;
      continue;
    }
    const { offset, count, stride, registers } = layout;
    const create = (name: string, at: number) => accessorsOf(registers, `${name}.`, at, states);
    if (count === null) {
      regs[layout.name] = create(name, base + offset);
      continue;
    }
    const blocks = createArray(`the index of block ${name}`, count, (i) =>
      create(`${name}[${i}]`, base + offset + i * stride),
    );
    // The device has the registers of all blocks from the start.
    for (let i = 0; i < count; i++) blocks.at(i);
    regs[layout.name] = blocks;
  }
  return regs;
}

const makers = new WeakMap<RegisterLayout, (place: RegisterPlace) => RegisterState>();

/** Creates the state of a register. All devices of a model use the same rules. */
function stateOf(layout: RegisterLayout, place: RegisterPlace): RegisterState {
  let make = makers.get(layout);
  if (make === undefined) makers.set(layout, (make = makerOf(layout)));
  return make(place);
}

function makerOf(layout: RegisterLayout): (place: RegisterPlace) => RegisterState {
  if (layout.width === 8) {
    const [rules, codec] = [bigintRules(layout), bigintCodec(layout)];
    return (place) => createState(layout, place, rules, codec);
  }
  const [rules, codec] = [numberRules(layout), numberCodec(layout)];
  return (place) => createState(layout, place, rules, codec);
}
