import { inspect } from 'node:util';
import { hex } from '../checks.js';
import { processClock } from '../contract/clock.js';
import { checkWaitOptions, type WaitOptions } from '../contract/wait.js';
import type { RegisterWindow } from '../contract/window.js';
import type { FieldValues, RegisterDefinition, RegisterValue } from './definition.js';
import { checkValues, type FieldCodec, type Values } from './fields.js';
import type { RegisterLayout } from './layout.js';
import { pollUntil } from './poll.js';

/**
 * One register of a window. Each access of the device has the width of the register. A `split`
 * register is accessed as two halves.
 */
export interface RegisterAccessor<D extends RegisterDefinition = RegisterDefinition> {
  /** The name, with the index if the register belongs to an array. */
  readonly name: string;
  /** Bytes from the start of the window. */
  readonly offset: number;
  /**
   * The value. Each use of this property is one access: a read, or a write if a value is assigned.
   *
   * @throws TypeError for a read of a write-only register, and for a write to a read-only register
   */
  value: RegisterValue<D>;
  /** Reads the register once. @returns the fields */
  read(): FieldValues<D>;
  /**
   * Writes the register once, without a read. Bits that no given field contains are written as 0.
   *
   * @throws TypeError if the register or a field is read-only, or the field is unknown
   * @throws RangeError if a value does not fit into its field
   */
  write(fields: Partial<FieldValues<D>>): void;
  /**
   * Reads the register, replaces the given fields and writes the register. Reserved bits keep the
   * value that was read. Fields that are write-only, or that a 1 clears or sets, are written as 0,
   * unless they are given.
   *
   * @throws the errors of {@link write}, and TypeError if the register is write-only
   */
  update(fields: Partial<FieldValues<D>>): void;
  /**
   * Reads the register about once a millisecond until the given fields have the given values.
   *
   * @returns the fields of the last read
   * @throws {@link VfioError} ETIMEDOUT after the timeout; an AbortError if `signal` is aborted
   * @example
   * await regs.csts.until({ rdy: 1 }, { timeout: 500 });
   */
  until(fields: Partial<FieldValues<D>>, options?: WaitOptions): Promise<FieldValues<D>>;
}

/** The place and the definition of a register. */
export interface RegisterPlace<V extends number | bigint> {
  readonly window: RegisterWindow;
  /** Makes the reads: the window, or an object that refuses them. */
  readonly reads: Pick<RegisterWindow, 'read8' | 'read16' | 'read32' | 'read64'>;
  /** Makes the writes: the window, or an object that refuses them. */
  readonly writes: Pick<RegisterWindow, 'write8' | 'write16' | 'write32' | 'write64'>;
  readonly layout: RegisterLayout;
  readonly codec: FieldCodec<V>;
  readonly name: string;
  readonly offset: number;
}

/** The fields of a register. Each subclass has the accesses of one width. */
export abstract class FieldRegister<V extends number | bigint> {
  readonly name: string;
  readonly offset: number;
  protected readonly reads: RegisterPlace<V>['reads'];
  protected readonly writes: RegisterPlace<V>['writes'];
  readonly #window: RegisterWindow;
  readonly #layout: RegisterLayout;
  readonly #codec: FieldCodec<V>;

  constructor({ window, reads, writes, layout, codec, name, offset }: RegisterPlace<V>) {
    this.#window = window;
    this.reads = reads;
    this.writes = writes;
    this.#layout = layout;
    this.#codec = codec;
    this.name = name;
    this.offset = offset;
  }

  abstract get value(): V;
  abstract set value(value: V);

  read(): Values {
    return this.#codec.decode(this.value);
  }

  write(values: Values): void {
    this.#checkWritten(values);
    this.value = this.#codec.encode(values);
  }

  update(values: Values): void {
    this.#checkWritten(values);
    this.value = this.#codec.replace(this.value, values);
  }

  async until(values: Values, options: WaitOptions = {}): Promise<Values> {
    checkValues(this.#layout, values);
    checkWaitOptions(options);
    let last: V | 0 = 0;
    const readMatching = () => {
      last = this.value;
      return this.#codec.matches(last, values);
    };
    await pollUntil(readMatching, options, this.#window.clock ?? processClock, (ms) => ({
      message: `register ${this.name} is ${hex(last)} after ${ms} ms, not ${describe(values)}`,
      hint: isAllOnes(last, this.#layout.width) ? ALL_ONES : undefined,
    }));
    return this.#codec.decode(last as V);
  }

  /** Printing a register reads no register of the device. */
  [inspect.custom](): string {
    return `register ${this.name} at ${hex(this.offset)}`;
  }

  #checkWritten(values: Values): void {
    checkValues(this.#layout, values);
    for (const name of Object.keys(values)) {
      if (this.#layout.fields.get(name)?.access === 'ro') {
        throw new TypeError(`field ${name} of register ${this.name} is read-only`);
      }
    }
  }
}

/** The hint for a register whose bits are all 1. */
const ALL_ONES =
  'All bits are 1, as if the device did not respond: memory decode is off, or the device is in low power, in reset or gone.';

function isAllOnes(value: number | bigint, width: number): boolean {
  return BigInt(value) === 2n ** BigInt(8 * width) - 1n;
}

/** Describes expected fields, for example `'rdy=1'`. */
function describe(values: Values): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}
