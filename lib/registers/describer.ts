import { describeRead, describeWrite } from './describe.js';
import type { NamedRegister, RegisterNames } from './named.js';

/** One access of a register in a region. */
export interface RegisterUse {
  /** The device. Each device has its own registers. */
  readonly device: string;
  /** For example `bar0`. */
  readonly region: string;
  readonly offset: number;
  /** Bytes. */
  readonly width: number;
  readonly isWrite: boolean;
  readonly value: bigint;
}

/**
 * Describes the accesses of a program by the names of registers and fields. The describer remembers
 * the last value of each register, so that the text of a write contains only the changed fields.
 */
export class AccessDescriber {
  readonly #names: RegisterNames;
  readonly #values = new Map<string, bigint>();

  constructor(names: RegisterNames) {
    this.#names = names;
  }

  /** Returns for example `bar0.cc.en <- 1`, or null if the register has no name. */
  describe({ device, region, offset, width, isWrite, value }: RegisterUse): string | null {
    const register = this.#names.at(region, offset, width);
    if (register === undefined) return null;
    const key = `${device} ${register.name}`;
    const text = isWrite
      ? describeWrite(register, value, this.#values.get(key))
      : describeRead(register, value);
    this.#values.set(key, isWrite ? kept(register, value) : value);
    return text;
  }
}

/** Returns the value that a register has after a write, as far as a driver knows. */
function kept({ layout: { fields } }: NamedRegister, value: bigint): bigint {
  let bits = value;
  for (const { access, lsb, size } of fields.values()) {
    // A write of 1 has cleared the bits, or the device clears the bits that were set. A later write
    // of 1 is therefore a change.
    if (access === 'w1c' || access === 'w1s') bits &= ~(((1n << BigInt(size)) - 1n) << BigInt(lsb));
  }
  return bits;
}
