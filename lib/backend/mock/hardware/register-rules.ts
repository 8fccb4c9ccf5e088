import { checkInteger, describeKind, U64_MAX } from '../../../checks.js';
import type { RegisterAccess } from '../../../registers/definition.js';
import type { RegisterLayout } from '../../../registers/layout.js';

const S64_MIN = -(2n ** 63n);

/** What the accesses of a driver do to a register. */
export interface Rules<V extends number | bigint> {
  /**
   * Returns the value after a write.
   *
   * @param bytes - bytes that the driver writes, from the lowest byte of the register
   */
  write(before: V, value: V, bytes: number): V;
  /** Returns the value after a write to the upper half. Only for registers of 8 bytes. */
  writeHigh(before: V, value: number, bytes: number): V;
  /** Returns the bits that a driver can read. */
  read(value: V): V;
  /** Converts a value that the device sets to unsigned. @throws RangeError if it does not fit */
  store(value: unknown, name: string): V;
}

/** The rules of a register of up to 4 bytes. */
export function numberRules(layout: RegisterLayout): Rules<number> {
  const max = 2 ** (8 * layout.width) - 1;
  const min = -(2 ** (8 * layout.width - 1));
  const masks = masksOf(layout);
  const written = Number(masks.written);
  const cleared = Number(masks.cleared);
  const set = Number(masks.set);
  const readable = Number(masks.readable);
  const write = (before: number, value: number, bytes: number) => {
    const reached = 0xffff_ffff >>> (32 - 8 * Math.min(bytes, layout.width));
    const replaced = written & reached;
    const kept = before & ~replaced & ~(value & cleared & reached);
    return (kept | (value & (replaced | (set & reached)))) >>> 0;
  };
  return {
    write,
    writeHigh: write,
    read: (value) => (value & readable) >>> 0,
    store(value, name) {
      if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
        checkInteger(value, `the value of register ${name}`, min, max);
      return ((value as number) & max) >>> 0;
    },
  };
}

/** The rules of a register of 8 bytes. */
export function bigintRules(layout: RegisterLayout): Rules<bigint> {
  const { written, cleared, set, readable } = masksOf(layout);
  const write = (before: bigint, value: bigint, reached: bigint) =>
    (before & ~(written & reached) & ~(value & cleared & reached)) |
    (value & (written | set) & reached);
  const reachedBy = (bytes: number) => (1n << BigInt(8 * bytes)) - 1n;
  return {
    write: (before, value, bytes) => write(before, value, reachedBy(bytes)),
    writeHigh: (before, value, bytes) =>
      write(before, BigInt(value) << 32n, reachedBy(Math.min(bytes, 4)) << 32n),
    read: (value) => value & readable,
    store(value, name) {
      const what = `the value of register ${name}`;
      if (typeof value !== 'bigint') {
        throw new TypeError(`${what} must be a bigint, not ${describeKind(value)}`);
      }
      if (value >= S64_MIN && value <= U64_MAX) return BigInt.asUintN(64, value);
      throw new RangeError(`${what} has 64 bits: ${value} does not fit`);
    },
  };
}

interface Masks {
  /** Bits that a write replaces. */
  readonly written: bigint;
  /** Bits that a write of 1 clears. */
  readonly cleared: bigint;
  /** Bits that a write of 1 sets. */
  readonly set: bigint;
  /** Bits that a read returns. All other bits read as 0. */
  readonly readable: bigint;
}

/** In a register with fields, the reserved bits are read-only. */
function masksOf({ width, access, fields }: RegisterLayout): Masks {
  const all = (1n << BigInt(8 * width)) - 1n;
  const parts: { access: RegisterAccess; mask: bigint }[] = [...fields.values()].map((field) => ({
    access: field.access,
    mask: ((1n << BigInt(field.size)) - 1n) << BigInt(field.lsb),
  }));
  if (parts.length === 0) parts.push({ access, mask: all });
  const bitsWith = (...kinds: RegisterAccess[]) =>
    parts.reduce((bits, part) => (kinds.includes(part.access) ? bits | part.mask : bits), 0n);
  return {
    written: bitsWith('rw', 'wo'),
    cleared: bitsWith('w1c'),
    set: bitsWith('w1s'),
    readable: access === 'wo' ? bitsWith('rw', 'ro', 'w1c', 'w1s') : all & ~bitsWith('wo'),
  };
}
