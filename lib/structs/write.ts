import { checkInteger, checkObject, checkOptions, describeKind } from '../checks.js';
import type { StructArray, StructNumberArray } from './definition.js';
import { isNested, type MemberLayout, type NumberMember, type StructParts } from './layout.js';

/** The members of a structure, or the fields of a number, by name. */
type Target = Record<string, unknown>;

/** Assigns values to the members of a structure. @param name - the structure, for error messages */
function assignMembers(
  target: object,
  { layouts }: Pick<StructParts, 'layouts'>,
  name: string,
  values: unknown,
): void {
  checkObject(values, `the values of ${name}`);
  for (const [key, value] of Object.entries(values)) {
    const layout = layouts.get(key);
    if (layout === undefined) {
      const known = [...layouts.keys()].join(', ');
      throw new TypeError(`structure ${name} has no member ${key}; known: ${known}`);
    }
    if (value !== undefined) assignMember(target as Target, key, layout, value);
  }
}

function assignMember(target: Target, key: string, layout: MemberLayout, value: unknown): void {
  const { name, count } = layout;
  if (count !== null) {
    assignElements(target[key], layout, count, value);
  } else if (isNested(layout)) {
    assignMembers(target[key] as object, layout, name, value);
  } else if (layout.fields !== null) {
    assignFields(target[key] as Target, layout, value);
  } else {
    target[key] = value;
  }
}

function assignFields(target: Target, { name, fields }: NumberMember, value: unknown): void {
  if (typeof value !== 'object') {
    target.value = value;
    return;
  }
  checkOptions(value, [...(fields?.keys() ?? [])], `member ${name}`);
  for (const [field, bits] of Object.entries(value ?? {})) {
    if (bits !== undefined) target[field] = bits;
  }
}

function assignElements(target: unknown, layout: MemberLayout, count: number, value: unknown) {
  const { name } = layout;
  if (typeof (value as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`member ${name} must be an array, not ${describeKind(value)}`);
  }
  const elements = [...(value as Iterable<unknown>)];
  if (elements.length > count) {
    throw new RangeError(`member ${name} has ${count} elements, not ${elements.length}`);
  }
  elements.forEach((element, index) => {
    if (isNested(layout)) {
      const struct = (target as StructArray<object>).at(index);
      assignMembers(struct, layout, `${name}[${index}]`, element);
    } else if (target instanceof Uint8Array) {
      checkInteger(element, `member ${name}`, 0, 0xff);
      target[index] = element;
    } else {
      (target as StructNumberArray).set(index, element as number);
    }
  });
}

// eslint-disable-next-line @typescript-eslint/unbound-method -- `call` gives the method its `this`.
const { setUint8 } = DataView.prototype;

/** Gives the class of a structure the method `write`. */
export function addWrite(name: string, parts: StructParts): void {
  function write(this: DataView, values: unknown): void {
    // A wrong value throws before the first byte of the memory changes.
    const bytes = new Uint8Array(parts.size);
    assignMembers(new parts.View(bytes.buffer, 0, parts.size), parts, name, values);
    bytes.forEach((byte, offset) => {
      setUint8.call(this, offset, byte);
    });
  }
  Object.defineProperty(parts.View.prototype as object, 'write', { value: write });
}
