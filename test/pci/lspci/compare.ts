import { flagsOf, listConfig } from '../../../lib/pci/listing/index.js';
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
];

function settle(line: string): string {
  return KNOWN.reduce((text, { of, theirs }) => (of.test(text) ? theirs(text) : text), line);
}

/** What lspci reads by other means than configuration space, or gives up. */
const BESIDE = /^(Not readable|<unreadable>|No end tag found)$/;

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
  for (const capability of ours.capabilities) {
    const other = theirs.capabilities.find(({ offset }) => offset === capability.offset);
    if (other === undefined) continue;
    const where = `[${capability.offset.toString(16)}] ${capability.name}`;
    if ((capability.version ?? null) !== other.version) found.push(`${where}: version`);
    if (capability.title.endsWith('<?>')) {
      found.push(...compareUndecoded(where, capability.title, other, exact));
      continue;
    }
    const mine = [capability.title, ...capability.lines].map(squeeze);
    const lines = [other.title, ...other.lines].filter((line) => !BESIDE.test(line));
    found.push(...compareLines(where, mine, lines, exact));
  }
  return found;
}

/** Where lspci knows no more than we do, the headline is the same, but for the id we add. */
function compareUndecoded(
  where: string,
  title: string,
  other: SeenCapability,
  exact: boolean,
): string[] {
  if (!exact || !other.title.endsWith('<?>') || title.includes('(ID ')) return [];
  return compareLines(where, [title], [other.title], exact);
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
  const mine = byRegister(ours);
  const found: string[] = [];
  for (const [register, flags] of byRegister(theirs)) {
    for (const [name, isSet] of Object.entries(flags)) {
      const value = mine.get(register)?.[name];
      if (value === undefined || value === isSet || `${register}${name}` === 'DOEStaError')
        continue;
      found.push(`${where} ${register} ${name}`);
    }
  }
  return found;
}

/** Flags by the name of their register; a line without one goes on with the register before. */
function byRegister(lines: readonly string[]): Map<string, Record<string, boolean>> {
  const registers = new Map<string, Record<string, boolean>>();
  let register = '';
  for (const line of lines) {
    register = /^([A-Z][\w/]+):(?= )/.exec(line)?.[1] ?? register;
    registers.set(register, { ...registers.get(register), ...flagsOf(line) });
  }
  return registers;
}
