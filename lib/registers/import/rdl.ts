import { checkArray, checkObject, checkString } from '../../checks.js';
import type { RegisterAccess } from '../definition.js';
import type { Draft, DraftEntry, DraftField, DraftRegister } from './draft.js';
import { bigintOf, integerOf } from './integer.js';

/** A component of SystemRDL, as the JSON exporter of the SystemRDL compiler writes it. */
interface Component {
  readonly type?: unknown;
  readonly inst_name?: unknown;
  readonly addr_offset?: unknown;
  readonly children?: unknown;
  readonly lsb?: unknown;
  readonly msb?: unknown;
  readonly reset?: unknown;
  readonly sw_access?: unknown;
  readonly woclr?: unknown;
  readonly woset?: unknown;
  readonly onwrite?: unknown;
  readonly regwidth?: unknown;
  readonly array_dimensions?: unknown;
  readonly array_stride?: unknown;
}

const ACCESS: Readonly<Record<string, RegisterAccess>> = {
  r: 'ro',
  w: 'wo',
  w1: 'wo',
  rw: 'rw',
  rw1: 'rw',
};

/** Whether a JSON file has the form of the JSON exporter of the SystemRDL compiler. */
export function isRdl(file: object): file is Component {
  return 'inst_name' in file && 'children' in file;
}

/** Reads the JSON of PeakRDL. The root is at the start of the region. */
export function readRdl(root: Component): Draft {
  const warnings: string[] = [];
  return { base: 0, entries: entriesOf(root, [], 0, ''), warnings };

  /** @param owner - the path in the file with a dot; an array of blocks begins a new `path` */
  function entriesOf(
    component: Component,
    path: readonly string[],
    address: number,
    owner: string,
  ): DraftEntry[] {
    checkArray(component.children, `children of ${owner.slice(0, -1) || 'the root'}`);
    return (component.children as readonly Component[]).flatMap((child): DraftEntry[] => {
      checkObject(child, `a child of ${owner.slice(0, -1) || 'the root'}`);
      checkString(child.inst_name, 'inst_name');
      const named = [...path, child.inst_name];
      const what = owner + child.inst_name;
      const at = address + integerOf(child.addr_offset ?? 0, `${what}.addr_offset`);
      if (child.type === 'reg') return [registerOf(child, named, what, at)];
      if (child.type !== 'addrmap' && child.type !== 'regfile') {
        warnings.push(`${what} is left out: the type '${String(child.type)}' has no registers`);
        return [];
      }
      const count = countOf(child, what);
      if (count === undefined) return entriesOf(child, named, at, `${what}.`);
      const stride = integerOf(child.array_stride, `${what}.array_stride`);
      const entries = entriesOf(child, [], 0, `${what}.`);
      return [{ path: named, address: at, count, stride, entries }];
    });
  }
}

/** Returns the number of elements of an array, or undefined if the component is no array. */
function countOf({ array_dimensions: list }: Component, what: string): number | undefined {
  if (list === undefined || list === null) return undefined;
  checkArray(list, `${what}.array_dimensions`);
  return list.reduce<number>(
    (product, one) => product * integerOf(one, `${what}.array_dimensions`),
    1,
  );
}

function registerOf(
  reg: Component,
  path: readonly string[],
  what: string,
  address: number,
): DraftRegister {
  checkArray(reg.children, `children of ${what}`);
  const all = (reg.children as readonly Component[]).map((field) => fieldOf(field, what));
  const fields = all.filter((field) => field !== null);
  const highest = Math.max(0, ...fields.map(({ msb }) => msb));
  const access = accessOf(fields);
  const count = countOf(reg, what);
  const reset = fields.reduce((bits, { lsb, reset: value }) => bits | (value << BigInt(lsb)), 0n);
  return {
    path,
    address,
    bits: reg.regwidth == null ? widthAt(address, highest) : integerOf(reg.regwidth, what),
    access,
    fields,
    reset,
    ...(count === undefined ? {} : { count }),
    ...(count === undefined || reg.array_stride == null
      ? {}
      : { stride: integerOf(reg.array_stride, `${what}.array_stride`) }),
  };
}

/** Returns a field, or null if software has no access to the field. */
function fieldOf(field: Component, owner: string): (DraftField & { reset: bigint }) | null {
  checkObject(field, `a field of ${owner}`);
  checkString(field.inst_name, `inst_name of a field of ${owner}`);
  const what = `${owner}.${field.inst_name}`;
  const access = ACCESS[String(field.sw_access)];
  if (access === undefined) return null;
  const clears = field.onwrite === 'woclr' || field.woclr === true || field.woclr === 1;
  const sets = field.onwrite === 'woset' || field.woset === true || field.woset === 1;
  const effect = clears ? 'w1c' : sets ? 'w1s' : access;
  return {
    name: field.inst_name,
    msb: integerOf(field.msb, `${what}.msb`),
    lsb: integerOf(field.lsb, `${what}.lsb`),
    access: access === 'rw' ? effect : access,
    reset: field.reset == null ? 0n : bigintOf(field.reset, `${what}.reset`),
  };
}

/** Returns the access of a register: the access of its fields, or 'rw' if the fields differ. */
function accessOf(fields: readonly DraftField[]): RegisterAccess {
  const [first] = fields;
  return first !== undefined && fields.every(({ access }) => access === first.access)
    ? first.access
    : 'rw';
}

/** The exporter does not write the width of a register. 32 bits are usual. */
function widthAt(address: number, highestBit: number): number {
  if (highestBit > 31) return 64;
  if (address % 4 === 0) return 32;
  return address % 2 === 0 ? 16 : 8;
}
