/** Functions that check arguments before a call reaches a back end. */
import { constants } from 'node:buffer';
import { readFileSync } from 'node:fs';

export const U32_MAX = 2 ** 32 - 1;
export const U64_MAX = 2n ** 64n - 1n;

/** Key of the page size in the auxiliary vector (getauxval(3)). */
const AT_PAGESZ = 6n;

/**
 * The page size of this machine in bytes: 4096, and on arm64 also 16,384 or 65,536. The kernel maps
 * registers and DMA memory in whole pages.
 */
export const PAGE_SIZE = readPageSize();

/**
 * Reads the page size that sysconf(_SC_PAGESIZE) returns. A mock device works without the addon, so
 * the library reads the same source as the C library. Systems other than Linux have only mock
 * devices.
 */
function readPageSize(): number {
  try {
    const words = new BigUint64Array(Uint8Array.from(readFileSync('/proc/self/auxv')).buffer);
    const key = words.findIndex((word, i) => i % 2 === 0 && word === AT_PAGESZ);
    return key < 0 ? 4096 : Number(words[key + 1]);
  } catch {
    return 4096;
  }
}

/** Rounds a size in bytes up to whole pages. @param page - page size in bytes */
export function wholePages(size: bigint, page = BigInt(PAGE_SIZE)): bigint {
  return ((size + page - 1n) / page) * page;
}

/** Names the kind of a value for an error, for example `'a bigint'`. */
export function describeKind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Describes a wrong value for an error. An object has no short text, so its kind is named. */
export function describeValue(value: unknown): string {
  if (typeof value === 'object' || typeof value === 'function') return describeKind(value);
  return typeof value === 'symbol' ? value.toString() : `${value as string | number | bigint}`;
}

export function checkNumber(value: unknown, name: string): asserts value is number {
  if (typeof value === 'number') return;
  throw new TypeError(`${name} must be a number, not ${describeKind(value)}`);
}

export function checkInteger(
  value: unknown,
  name: string,
  min: number,
  max: number,
): asserts value is number {
  checkNumber(value, name);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
}

export function checkU32(value: unknown, name: string): void {
  checkInteger(value, name, 0, U32_MAX);
}

export function checkU64(value: unknown, name: string): asserts value is bigint {
  if (typeof value !== 'bigint') {
    throw new TypeError(`${name} must be a bigint, not ${describeKind(value)}`);
  }
  if (value < 0n || value > U64_MAX) {
    throw new RangeError(`${name} must be from 0 to 2^64 - 1, not ${value}`);
  }
}

/** The largest PASID. A PASID has 20 bits (PCI Express Base Specification, section 6.20). */
const PASID_MAX = 2 ** 20 - 1;

export function checkPasid(value: unknown, name = 'pasid'): asserts value is number {
  checkInteger(value, name, 0, PASID_MAX);
}

/**
 * Checks that a size or an offset in bytes is a multiple of the page size.
 *
 * @param page - page size in bytes, a power of two
 */
export function checkPages(value: unknown, name: string, page = PAGE_SIZE): void {
  checkInteger(value, name, 0, Number.MAX_SAFE_INTEGER);
  if (value % page !== 0) {
    throw new RangeError(`${name} must be a multiple of the page size, ${page}, not ${value}`);
  }
}

/** Size of the largest buffer of this version of Node, in bytes. The largest of Node 20 is 4 GiB. */
const BUFFER_MAX = Math.min(constants.MAX_LENGTH, 2 ** 52);

/** Checks the size of a buffer in bytes. @param min - smallest size in bytes */
export function checkBufferSize(
  value: unknown,
  name: string,
  min: 0 | 1 = 1,
): asserts value is number {
  checkInteger(value, name, min, Number.MAX_SAFE_INTEGER);
  if (value <= BUFFER_MAX) return;
  throw new RangeError(
    `${name} ${value} exceeds ${BUFFER_MAX} bytes, the largest buffer of Node ${process.versions.node}: use several buffers`,
  );
}

export function checkBytes(value: unknown, name: string): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`);
}

export function checkString(value: unknown, what: string): asserts value is string {
  if (typeof value !== 'string') {
    throw new TypeError(`${what} must be a string, not ${describeKind(value)}`);
  }
}

export function checkArray(value: unknown, what: string): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) {
    throw new TypeError(`${what} must be an array, not ${describeKind(value)}`);
  }
}

export function checkFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') {
    throw new TypeError(`${what} must be a function, not ${describeKind(value)}`);
  }
}

/**
 * Checks that a value has the methods of an interface.
 *
 * @param type - name of the interface, for the error
 */
export function checkMethods(
  value: unknown,
  what: string,
  type: string,
  methods: readonly string[],
): void {
  const members = Object(value) as Readonly<Record<string, unknown>>;
  const missing = methods.find((name) => typeof members[name] !== 'function');
  if (missing === undefined) return;
  const reason =
    value === members ? `but has no method ${missing}()` : `not ${describeKind(value)}`;
  throw new TypeError(`${what} must be ${withArticle(type)}, ${reason}`);
}

/** Checks that a value is an object of a class. */
export function checkInstance(
  value: unknown,
  what: string,
  type: { readonly name: string; [Symbol.hasInstance](value: unknown): boolean },
): void {
  if (!type[Symbol.hasInstance](value)) {
    throw new TypeError(`${what} must be ${withArticle(type.name)}, not ${describeKind(value)}`);
  }
}

function withArticle(name: string): string {
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

export function checkObject(
  value: unknown,
  what: string | (() => string),
): asserts value is object {
  if (typeof value === 'object' && value !== null) return;
  throw new TypeError(`${textOf(what)} must be an object`);
}

/** A check that runs often gets a function, because the text is needed only for an error. */
function textOf(what: string | (() => string)): string {
  return typeof what === 'function' ? what() : what;
}

/** Checks that a value is an object whose properties have names, so that the value is no array. */
export function checkRecord(value: unknown, what: string): asserts value is object {
  checkObject(value, what);
  if (Array.isArray(value)) throw new TypeError(`${what} must be an object, not an array`);
}

/**
 * Checks that an object contains only known options. The function therefore throws if an option is
 * misspelled.
 */
export function checkOptions(
  value: unknown,
  names: readonly string[],
  what: string | (() => string) = 'options',
): void {
  checkObject(value, what);
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    const problem = what === 'options' ? 'unknown option' : `${textOf(what)} has no`;
    throw new TypeError(`${problem} '${name}'; known: ${names.join(', ')}`);
  }
}

/**
 * Returns the end of an error message for a name that is unknown. If a known name differs by at most
 * two letters, the text proposes that name.
 */
export function didYouMean(name: string, known: readonly string[]): string {
  const [closest] = known
    .map((other) => ({ other, distance: editDistance(name, other) }))
    .filter(({ distance }) => distance <= 2)
    .sort((a, b) => a.distance - b.distance);
  return closest === undefined ? '' : `: did you mean '${closest.other}'?`;
}

/** Returns how many letters must be added, removed or replaced to change `a` into `b`. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

export function checkBoolean(value: unknown, what: string): void {
  if (typeof value !== 'boolean') throw new TypeError(`${what} must be a boolean`);
}

export function checkChoice(value: unknown, what: string, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  const list = choices.map((choice) => JSON.stringify(choice)).join(', ');
  throw new TypeError(`${what} must be one of ${list}`);
}

/**
 * Checks that an access of `width` bytes is naturally aligned and within `size` bytes. `width` is a
 * power of two.
 */
export function checkAccess(offset: number, width: number, size: number | bigint): void {
  checkExtent(offset, width, size);
  if ((offset & (width - 1)) !== 0) {
    throw new RangeError(`offset ${hex(offset)} is not a multiple of ${width}`);
  }
}

/** Checks the width of one access to a device file: 1, 2 or 4 bytes. */
export function checkWidth(width: unknown): asserts width is 1 | 2 | 4 {
  if (width !== 1 && width !== 2 && width !== 4) {
    throw new RangeError(`width ${describeValue(width)} is not 1, 2 or 4`);
  }
}

/** Returns a mask of all bits of an access of `width` bytes. */
export function maskOf(width: 1 | 2 | 4): number {
  return 0xffff_ffff >>> (32 - 8 * width);
}

/** Checks that a value is unsigned and fits into `width` bytes. */
export function checkValue(value: number, width: 1 | 2 | 4): void {
  checkInteger(value, 'value', 0, maskOf(width));
}

/** Checks that a range of `length` bytes at `offset` does not reach past `size` bytes. */
export function checkExtent(offset: number, length: number, size: number | bigint): void {
  checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
  checkInteger(length, 'length', 0, Number.MAX_SAFE_INTEGER);
  // The check uses numbers, because bigint arithmetic would take longer than the access itself.
  // Numbers are exact below 2^53, and every region is smaller than 2^53 bytes.
  if (length > Number(size) - offset) {
    throw new RangeError(`${length} bytes at ${hex(offset)} are not within ${hex(size)} bytes`);
  }
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
