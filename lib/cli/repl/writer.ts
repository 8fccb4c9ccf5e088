import { inspect } from 'node:util';
import { inHex } from '../../contract/inspect.js';

/** Depth to which numbers in objects are shown in hex; `util.inspect` shows no deeper objects. */
const DEPTH = 3;

/**
 * Whether the object is made by `{}` or `[]`, also by the prompt, which has an `Object.prototype` of
 * its own. The library's own objects have texts of their own.
 */
function isPlain(value: object): boolean {
  if (inspect.custom in value) return false;
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Copies plain objects, and replaces integers. Accessors are not called. */
function withHex(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint' && (value > 9n || value < -9n)) return inHex(value);
  if (Number.isInteger(value) && Math.abs(value as number) > 9) return inHex(value as number);
  if (typeof value !== 'object' || value === null || depth === 0 || !isPlain(value)) return value;
  const copy = (
    Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value) as object | null)
  ) as object;
  for (const name of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, name);
    if (property === undefined) continue;
    // The length of an array must be a number.
    const isLength = Array.isArray(value) && name === 'length';
    if ('value' in property && !isLength) property.value = withHex(property.value, depth - 1);
    Object.defineProperty(copy, name, property);
  }
  return copy;
}

/** Formats the result of a line. Integers above 9 are shown in hex. */
export function formatResult(value: unknown, colors: boolean): string {
  return inspect(withHex(value, DEPTH), { colors });
}
