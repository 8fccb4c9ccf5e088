import type { RegisterAccess } from '../definition.js';
import type { Draft, DraftEntry, DraftField, DraftRegister } from './draft.js';
import { bigintOf, integerOf } from './integer.js';
import { expand, type Instance } from './svd-arrays.js';
import { childOf, type Element, textOf } from './xml.js';

const ACCESS: Readonly<Record<string, RegisterAccess>> = {
  'read-only': 'ro',
  'write-only': 'wo',
  'read-write': 'rw',
  writeOnce: 'wo',
  'read-writeOnce': 'rw',
};

/** Properties that a register inherits from its cluster, its peripheral and its device. */
interface Inherited {
  readonly bits: number;
  readonly access: RegisterAccess;
  readonly reset: bigint;
}

/** Reads CMSIS-SVD: https://arm-software.github.io/CMSIS_5/SVD/html/svd_Format_pg.html */
export function readSvd(device: Element): Draft {
  if (device.name !== 'device') {
    throw new TypeError(`the XML file is not CMSIS-SVD: the first element is <${device.name}>`);
  }
  const peripherals = derive(childOf(device, 'peripherals')?.children ?? []);
  const entries: DraftEntry[] = [];
  const warnings: string[] = [];
  const usual = inherit(device, { bits: 32, access: 'rw', reset: 0n }, 'device');
  const bases: number[] = [];
  for (const peripheral of peripherals) {
    const name = nameOf(peripheral);
    const base = integerOf(textOf(peripheral, 'baseAddress'), `${name}.baseAddress`);
    bases.push(base);
    // The names of the registers of a single peripheral need no prefix.
    const path = peripherals.length > 1 ? [name] : [];
    const own = inherit(peripheral, usual, name);
    entries.push(...entriesOf(childOf(peripheral, 'registers'), path, base, own, path));
  }
  return { base: Math.min(...bases), entries, warnings };

  /** @param outer - the path in the file, for errors; an array of blocks begins a new `path` */
  function entriesOf(
    list: Element | undefined,
    path: readonly string[],
    base: number,
    inherited: Inherited,
    outer: readonly string[],
  ): DraftEntry[] {
    return derive(list?.children ?? []).flatMap((element): DraftEntry[] => {
      if (element.name !== 'register' && element.name !== 'cluster') return [];
      const place = [...outer, nameOf(element)];
      const where = place.join('.');
      const own = inherit(element, inherited, where);
      const offset = integerOf(textOf(element, 'addressOffset') ?? 0, `${where}.addressOffset`);
      return expand(element, where).flatMap((instance): DraftEntry[] => {
        const at = base + offset + instance.offset;
        const named = [...path, instance.name];
        if (element.name === 'register') return [registerOf(element, named, at, own, instance)];
        const { count, stride } = instance;
        if (count === undefined || stride === undefined)
          return entriesOf(element, named, at, own, place);
        const entries = entriesOf(element, [], 0, own, place);
        return [{ path: named, address: at, count, stride, entries }];
      });
    });
  }

  function registerOf(
    element: Element,
    path: readonly string[],
    address: number,
    { bits, access, reset }: Inherited,
    { count, stride }: Instance,
  ): DraftRegister {
    const where = path.join('.');
    const fields = derive(childOf(element, 'fields')?.children ?? []).flatMap((field) =>
      expand(field, where).map(({ name, offset }) =>
        fieldOf(field, `${where}.${name}`, name, offset, effectOf(element, access, where)),
      ),
    );
    const own = effectOf(element, access, where);
    return { path, address, bits, access: own, fields, reset, count, stride };
  }

  function fieldOf(
    field: Element,
    where: string,
    name: string,
    shift: number,
    inherited: RegisterAccess,
  ): DraftField {
    const [msb, lsb] = bitsOf(field, where);
    const access = ACCESS[textOf(field, 'access') ?? ''] ?? inherited;
    return { name, msb: msb + shift, lsb: lsb + shift, access: effectOf(field, access, where) };
  }

  /** Returns the access with the effect of a write. Warns about effects that have no equivalent. */
  function effectOf(element: Element, access: RegisterAccess, where: string): RegisterAccess {
    const effect = textOf(element, 'modifiedWriteValues') ?? 'modify';
    if (effect === 'modify' || access === 'ro') return access;
    if (effect === 'oneToClear') return access === 'rw' ? 'w1c' : access;
    if (effect === 'oneToSet') return access === 'rw' ? 'w1s' : access;
    const warning = `${where}: '${effect}' has no equivalent; the access is '${access}'`;
    if (!warnings.includes(warning)) warnings.push(warning);
    return access;
  }
}

function nameOf(element: Element): string {
  const name = textOf(element, 'name');
  if (name !== undefined && name !== '') return name;
  throw new TypeError(`a <${element.name}> has no name`);
}

function inherit(element: Element, inherited: Inherited, where: string): Inherited {
  const size = textOf(element, 'size');
  const reset = textOf(element, 'resetValue');
  return {
    bits: size === undefined ? inherited.bits : integerOf(size, `${where}.size`),
    access: ACCESS[textOf(element, 'access') ?? ''] ?? inherited.access,
    reset: reset === undefined ? inherited.reset : bigintOf(reset, `${where}.resetValue`),
  };
}

/** Returns the most and the least significant bit of a field. SVD has three notations. */
function bitsOf(field: Element, where: string): readonly [number, number] {
  const range = /^\[(\d+):(\d+)\]$/.exec(textOf(field, 'bitRange') ?? '');
  if (range !== null) return [Number(range[1]), Number(range[2])];
  const offset = textOf(field, 'bitOffset');
  if (offset !== undefined) {
    const lsb = integerOf(offset, `${where}.bitOffset`);
    return [lsb + integerOf(textOf(field, 'bitWidth') ?? 1, `${where}.bitWidth`) - 1, lsb];
  }
  return [
    integerOf(textOf(field, 'msb'), `${where}.msb`),
    integerOf(textOf(field, 'lsb'), `${where}.lsb`),
  ];
}

/** Adds the children of the element that `derivedFrom` names, unless the element has such a child. */
function derive(elements: readonly Element[]): Element[] {
  const resolve = (element: Element, depth: number): Element => {
    const from = element.attributes.derivedFrom?.split('.').at(-1);
    if (from === undefined) return element;
    const base = elements.find((one) => one !== element && textOf(one, 'name') === from);
    if (base === undefined)
      throw new TypeError(`derivedFrom names '${from}', which does not exist`);
    if (depth > elements.length) throw new TypeError(`derivedFrom of '${from}' is a cycle`);
    const inherited = resolve(base, depth + 1).children.filter(
      ({ name }) => childOf(element, name) === undefined,
    );
    return { ...element, children: [...element.children, ...inherited] };
  };
  return elements.map((element) => resolve(element, 0));
}
