import { flagsOf, type Listing, listConfig } from '../../../lib/pci/listing/index.js';
import { parseLspci, squeeze, type SeenCapability } from './parse.js';

/** Where lspci is known to say something else: its text, and why ours stays. */
const KNOWN: readonly { of: RegExp; because: string; theirs: (line: string) => string }[] = [
  {
    of: /^DOESta:/,
    because: 'lspci 3.9 takes Busy or Interrupt for Error, which is bit 2',
    theirs: (line) => line.replace(/Error[+-]/, 'Error?'),
  },
  {
    of: /^Mcast(Cap|OverlayBAR):/,
    because: 'lspci counts the bytes of a window in 32 bits, which ends at 2 GiB',
    theirs: (line) => line.replace(/\(-?\d+ bytes\)/, '(bytes)'),
  },
  {
    of: /^Link Frequency Capability/,
    because: 'lspci reads 8 of these 16 bits',
    theirs: (line) => line.replace(/ 1\.4GHz.*/, ''),
  },
  {
    of: /^CXLPortSta:/,
    because: 'lspci takes the offset of the register, 10, for the mask of the flag, which is bit 0',
    theirs: (line) => line.replace(/PMComplete[+-]/, 'PMComplete?'),
  },
  {
    of: /^FuncMap/,
    because: 'lspci reads 16 of these 32 bits',
    theirs: (line) => line.replace(/[0-9a-f]{4}(?=[0-9a-f]{4}$)/, '....'),
  },
  {
    of: /^GPF Phase/,
    because: 'lspci 3.9 does not know the unit of the largest scale',
    theirs: (line) => line.replace(/(?<=0)(s|<\?>)$/, 's'),
  },
];

function settle(line: string): string {
  return KNOWN.reduce((text, { of, theirs }) => (of.test(text) ? theirs(text) : text), line);
}

/** What lspci reads by other means than configuration space, or gives up. */
const BESIDE = /^(Not readable|No end tag found)$/;
/** What either says of what is not there; lspci says it seldom. */
const MISSING = /(<unreadable>|^<too short>)$/;
/** Bytes before the end of an image in which a capability may be cut off. */
const END = { standard: 0x40, extended: 0x80 };

/**
 * The differences between our listing of a configuration space and lspci's of the same bytes; none
 * if they agree. What we do not decode has to stand at the same place.
 *
 * @param exact - line by line, as that version of lspci writes; else every flag that both know
 */
export function differences(config: Uint8Array, text: string, exact = true): string[] {
  const theirs = parseLspci(text);
  const ours = listConfig(config);
  const found = compareLines('header', ours.header.map(squeeze), theirs.header, exact);
  const offsets = (list: readonly { offset: number }[]) =>
    list.map(({ offset }) => offset.toString(16)).join(' ');
  if (offsets(ours.capabilities) !== offsets(theirs.capabilities)) {
    found.push(`at ${offsets(ours.capabilities)}, lspci at ${offsets(theirs.capabilities)}`);
  }
  found.push(...compareLines('lists', brokenLines(ours.broken), theirs.broken, exact));
  for (const capability of ours.capabilities) {
    const other = theirs.capabilities.find(({ offset }) => offset === capability.offset);
    if (other === undefined) continue;
    const where = `[${capability.offset.toString(16)}] ${capability.name}`;
    if ((capability.version ?? null) !== other.version) found.push(`${where}: version`);
    if (capability.title.endsWith('<?>')) {
      found.push(...compareUndecoded(where, capability.title, other, exact));
      continue;
    }
    if (NEWER.includes(capability.name) && isUndecoded(other.title)) continue;
    const end = capability.extended ? END.extended : END.standard;
    const isLate = capability.offset + end >= config.length;
    const [mine, lines] = [capability, other].map(({ title, lines: below }) =>
      [title, ...below].map(squeeze).filter((line) => !BESIDE.test(line)),
    );
    if (mine === undefined || lines === undefined) continue;
    found.push(...compareLines(where, ...readable(mine, lines, isLate), exact));
  }
  return found;
}

/** In words of lspci, which does not tell of an extended list that ends in all ones. */
function brokenLines(broken: Listing['broken']): string[] {
  return broken
    .filter(({ extended, reason }) => !extended || reason === 'looped')
    .map(({ offset, extended, reason }) => {
      const at = offset.toString(16).padStart(extended ? 3 : 2, '0');
      return reason === 'unreadable' ? '<access denied>' : `[${at}] <chain ${reason}>`;
    });
}

/** Capabilities that versions of lspci after 3.9 decode. */
const NEWER = [16, 32, 64].map((rate) => `physical_layer_${rate}gt`).concat('lane_margining');

function isUndecoded(title: string): boolean {
  return /(<\?>$|Capability ID )/.test(title);
}

/** What either leaves undecoded has `<?>`, or `ID` instead of a name; our headline adds the id. */
function compareUndecoded(
  where: string,
  title: string,
  other: SeenCapability,
  exact: boolean,
): string[] {
  // Another version may decode more.
  if (!exact) return [];
  if (!isUndecoded(other.title)) return [`${where}: '${title}', lspci '${other.title}'`];
  if (title.includes('(ID ')) return [];
  return compareLines(where, [title], [other.title], exact);
}

/** Of what an image is too short for, lspci gives up earlier: by capability, not by register. */
function readable(
  ours: readonly string[],
  theirs: readonly string[],
  isLate: boolean,
): [ours: readonly string[], theirs: readonly string[]] {
  const there = theirs.filter((line) => !MISSING.test(line));
  const mine = ours.filter((line) => !MISSING.test(line));
  // Not even the headline could be read.
  if (mine.length === 1 && ours.length === 2 && isLate) return [[], []];
  return [isLate ? mine.slice(0, there.length) : mine, there];
}

function compareLines(
  where: string,
  ours: readonly string[],
  theirs: readonly string[],
  exact: boolean,
): string[] {
  if (!exact) return compareFlags(where, ours, theirs);
  const length = Math.max(ours.length, theirs.length);
  return Array.from({ length }, (_, index) => [ours[index] ?? '', theirs[index] ?? ''] as const)
    .filter(([mine, other]) => settle(mine) !== settle(other))
    .map(([mine, other]) => `${where}: '${mine}', lspci '${other}'`);
}

/** Registers whose names both have, flag by flag. */
function compareFlags(where: string, ours: readonly string[], theirs: readonly string[]): string[] {
  const mine = byRegister(ours.map(settle));
  const found: string[] = [];
  for (const [register, flags] of byRegister(theirs.map(settle))) {
    for (const [name, isSet] of Object.entries(flags)) {
      const value = mine.get(register)?.[name];
      if (value === undefined || value === isSet) continue;
      found.push(`${where} ${register} ${name}`);
    }
  }
  return found;
}

/** The name of a register that a line begins with: `UESta`, `VC0`, `Link Control 0`. */
const LABEL =
  /^([A-Z][\w/-]*(?: (?:Control|Config|Capability|Error|Frequency|Handling|Status|\d+))*):(?= )/;

/** Flags by the name of their register; a line without one goes on with the register before. */
export function byRegister(lines: readonly string[]): Map<string, Record<string, boolean>> {
  const registers = new Map<string, Record<string, boolean>>();
  let register = '';
  for (const line of lines) {
    register = LABEL.exec(line)?.[1] ?? register;
    registers.set(register, { ...registers.get(register), ...flagsOf(line) });
  }
  return registers;
}
