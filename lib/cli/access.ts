import type { Region, Width } from '../index.js';
import type { Operand, Option } from './command.js';
import { parseCount, parseUnsigned } from './numbers.js';
import { regionName } from '../contract/uapi.js';
import { REGION_WORDS } from './regions.js';
import { UsageError } from './usage.js';

/** The operands of the commands that read or write registers. */
export const PLACE = {
  device: { from: 'devices' },
  region: {
    words: REGION_WORDS,
    help: 'bar0 to bar5, config, rom, vga, a number, or a register of --registers, as bar0.cc',
  },
  offset: {
    optional: true,
    help: 'byte offset in the region, decimal or with 0x; not after the name of a register',
  },
} as const satisfies Record<string, Operand>;

export const WIDTH = {
  type: 'string',
  short: 'w',
  value: '<w>',
  words: ['1', '2', '4', '8'],
  help: 'size of each access, in bytes: 1, 2, 4 (default) or 8',
} as const satisfies Option;

/** Consecutive registers of a region. */
export interface Access {
  readonly region: Region;
  readonly offset: number;
  readonly width: Width;
  /** Number of registers. */
  readonly count: number;
}

const WIDTHS: readonly Width[] = [1, 2, 4, 8];

/** Parses the width of one access, in bytes. */
export function parseWidth(text = '4'): Width {
  const width = WIDTHS.find((one) => String(one) === text);
  if (width === undefined) throw new UsageError(`--width must be 1, 2, 4 or 8, not '${text}'`);
  return width;
}

/** Parses an offset: `0x10`, `16`. */
export function parseOffset(text: string | undefined): number {
  if (text === undefined) throw new UsageError('give an offset, or the name of a register');
  return parseCount('the offset', text);
}

/**
 * Throws a {@link UsageError} if an access would fault or if the kernel would refuse the access.
 */
export function checkPlace({ region, offset, width, count }: Access, write: boolean): void {
  const name = regionName(region.index);
  const hex = (value: number | bigint) => `0x${value.toString(16)}`;
  if (!(write ? region.writable : region.readable)) {
    throw new UsageError(`${name} cannot be ${write ? 'written' : 'read'}`);
  }
  if (offset % width !== 0) {
    throw new UsageError(`offset ${hex(offset)} is not a multiple of ${width}`);
  }
  if (BigInt(offset) + BigInt(width) * BigInt(count) > region.size) {
    const what = `${count} × ${width} bytes at ${hex(offset)}`;
    throw new UsageError(`${what} exceed the ${hex(region.size)} bytes of ${name}`);
  }
  if (width === 8 && !region.mappable) {
    throw new UsageError(`${name} cannot be mapped, so --width must be at most 4`);
  }
}

/**
 * Reads one value. A value of 1, 2 or 4 bytes is read by a system call, and the kernel checks the
 * offset. A value of 8 bytes is read from a mapping.
 */
export function readOne(region: Region, offset: number, width: Width): bigint {
  if (width !== 8) return BigInt(region.load(offset, width));
  using window = region.map();
  return window.read64(offset);
}

export function writeOne(region: Region, offset: number, width: Width, value: bigint): void {
  if (width !== 8) {
    region.store(offset, width, Number(value));
    return;
  }
  using window = region.map();
  window.write64(offset, value);
}

/** Parses a value and checks that it fits into the width. */
export function parseValue(text: string, width: Width): bigint {
  const value = parseUnsigned('a value', text);
  if (value >> BigInt(8 * width) === 0n) return value;
  throw new UsageError(`${text} does not fit into ${width} bytes`);
}
