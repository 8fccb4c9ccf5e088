/** Checks of arguments: what fails here never reached the kernel, or what imitates it. */

export const U32_MAX = 2 ** 32 - 1;
export const U64_MAX = 2n ** 64n - 1n;

/**
 * The smallest page of every machine VFIO runs on. Where pages are larger the kernel refuses what
 * is not aligned to them.
 */
export const PAGE_SIZE = 4096;

export function checkInteger(
  value: unknown,
  name: string,
  min: number,
  max: number,
): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
}

export function checkU32(value: unknown, name: string): void {
  checkInteger(value, name, 0, U32_MAX);
}

export function checkU64(value: unknown, name: string): asserts value is bigint {
  if (typeof value !== 'bigint') throw new TypeError(`${name} must be a bigint`);
  if (value < 0n || value > U64_MAX) {
    throw new RangeError(`${name} must be from 0 to 2^64 - 1, not ${value}`);
  }
}

/** @param page - bytes, a power of two */
export function checkPages(value: unknown, name: string, page = PAGE_SIZE): void {
  checkInteger(value, name, 0, Number.MAX_SAFE_INTEGER);
  if (value % page !== 0) {
    throw new RangeError(`${name} must be whole pages of ${page} bytes, not ${value}`);
  }
}

export function checkBytes(value: unknown, name: string): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`);
}

export function checkObject(value: unknown, what: string): asserts value is object {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${what} must be an object`);
}

/** An object with no members but these: one that is misspelled would silently do nothing. */
export function checkOptions(value: unknown, names: readonly string[], what = 'options'): void {
  checkObject(value, what);
  const stranger = Object.keys(value).find((name) => !names.includes(name));
  if (stranger === undefined) return;
  const which = what === 'options' ? 'unknown option' : `${what} has no`;
  throw new TypeError(`${which} '${stranger}': there are ${names.join(', ')}`);
}

export function checkBoolean(value: unknown, what: string): void {
  if (typeof value !== 'boolean') throw new TypeError(`${what} must be a boolean`);
}
