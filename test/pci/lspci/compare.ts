import { flagsOf, type Listing, listConfig } from '../../../lib/pci/listing/index.js';
import { parseLspci, squeeze, type SeenCapability } from './parse.js';

/**
 * The known differences between our listing and lspci. Each element contains a pattern that matches
 * the line, and the reason for the difference.
 */
const KNOWN: readonly { of: RegExp; because: string; theirs: (line: string) => string }[] = [
  {
    of: /^Interrupts: pin [A-E]/,
    because: 'lspci 3.15 names pin 1 B, pin 2 C, pin 3 D and pin 4 E',
    theirs: (line) => line.replace(/pin [A-E]/, 'pin ?'),
  },
  {
    of: /^Ln(kCap|kSta|kCtl2):/,
    because: 'lspci 3.15 takes the speed code 8 for 128 GT/s; the code is 7',
    theirs: (line) => line.replace(/Speed:? (128GT\/s|unknown)/i, 'Speed ?'),
  },
  {
    of: /^Mcast(Cap|OverlayBAR):/,
    because: 'lspci computes window sizes in 32 bits, which overflow at 2 GiB',
    theirs: (line) => line.replace(/\(-?\d+ bytes\)/, '(bytes)'),
  },
  {
    of: /^Link Frequency Capability/,
    because: 'lspci reads 8 of these 16 bits',
    theirs: (line) => line.replace(/ 1\.4GHz.*/, ''),
  },
  {
    of: /^CXLPortSta:/,
    because: 'lspci uses the register offset, 10, as the mask of the flag; the flag is bit 0',
    theirs: (line) => line.replace(/PMComplete[+-]/, 'PMComplete?'),
  },
  {
    of: /^CXL(Ctl2|Cap3):/,
    because: 'lspci 3.15 uses the bit numbers from 2 on as masks',
    theirs: (line) => line.replace(/(InitRst|RstMemClrEn|Desired\w+| HotReset\w*)[+-]/g, '$1?'),
  },
  {
    of: /^CapC:/,
    because:
      'lspci 3.15 computes all frequencies from the lowest bits; each frequency has own bits',
    theirs: (line) => line.replace(/(DDR4MaxFreq)=\w+/g, '$1=?'),
  },
  {
    of: /^FuncMap/,
    because: 'lspci reads 16 of these 32 bits',
    theirs: (line) => line.replace(/[0-9a-f]{4}(?=[0-9a-f]{4}$)/, '....'),
  },
  {
    of: /LinkIDE#\d+ Ctl:/,
    because: 'lspci 3.15 prints the enable bit as PCRC; PCRC is bit 8',
    theirs: (line) => line.replace(/PCRC[+-]/, 'PCRC?'),
  },
  {
    of: /^Interrupt Generated based on Trigger Event Count/,
    because: 'lspci 3.15 prints the highest bit of the link width; the flag is bit 3',
    theirs: (line) => line.replace(/Count[+-]/, 'Count?'),
  },
  {
    of: /^Number of errors: \d+, Spacing between errors:/,
    because: 'lspci 3.15 reads 2 of the 3 bits of the flit type',
    theirs: (line) => line.replace(/Type: .*/, 'Type: ?'),
  },
];

function replaceKnown(line: string): string {
  return KNOWN.reduce((text, { of, theirs }) => (of.test(text) ? theirs(text) : text), line);
}

/**
 * Matches the lines about vital product data. Vital product data are not in configuration space.
 */
const BESIDE = /^(Not readable|No end tag found)$/;
/** Matches the lines about set bits that lspci omits. */
const REMAINING = /^ *Also( [^:]+)?: /;
/**
 * Matches the lines about missing registers. Our listing contains more of these lines than the
 * output of lspci.
 */
const MISSING = /(<unreadable>|^<too short>)$/;
/**
 * A capability that starts less than this number of bytes before the end of the image can be cut
 * off.
 */
const END = { standard: 0x40, extended: 0x80 };

/**
 * Compares our listing of configuration space with the output of lspci, and returns the
 * differences. If our listing does not decode a capability, lspci must still print the same offset.
 *
 * @param exact - true compares whole lines, and false compares only the flags that both texts
 *   contain
 */
export function differences(config: Uint8Array, text: string, exact = true): string[] {
  const theirs = parseLspci(text);
  const ours = listConfig(config);
  const found = compareLines(
    'header',
    ours.header.filter((line) => !REMAINING.test(line)).map(squeeze),
    theirs.header,
    exact,
  );
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
    if (capability.title.endsWith(': SIOV') && isUndecoded(other.title)) continue;
    const end = capability.extended ? END.extended : END.standard;
    const isLate = capability.offset + end >= config.length;
    const [mine, lines] = [capability, other].map(({ title, lines: below }) =>
      [title, ...below].map(squeeze).filter((line) => !BESIDE.test(line) && !REMAINING.test(line)),
    );
    if (mine === undefined || lines === undefined) continue;
    found.push(...compareLines(where, ...readable(mine, lines, isLate), exact));
  }
  return found;
}

/**
 * Formats broken links in the format of lspci. If the last link of an extended list points to bytes
 * of all ones, lspci prints no message.
 */
function brokenLines(broken: Listing['broken']): string[] {
  return broken
    .filter(({ extended, reason }) => !extended || reason === 'looped')
    .map(({ offset, extended, reason }) => {
      const at = offset.toString(16).padStart(extended ? 3 : 2, '0');
      return reason === 'unreadable' ? '<access denied>' : `[${at}] <chain ${reason}>`;
    });
}

function isUndecoded(title: string): boolean {
  return /(<\?>$|Capability ID )/.test(title);
}

/**
 * Compares the headlines of a capability that is not decoded. Both headlines end with `<?>` or
 * contain `ID`, and our headline also contains the id.
 */
function compareUndecoded(
  where: string,
  title: string,
  other: SeenCapability,
  exact: boolean,
): string[] {
  // Other versions of lspci can decode the capability.
  if (!exact) return [];
  if (!isUndecoded(other.title)) return [`${where}: '${title}', lspci '${other.title}'`];
  if (title.includes('(ID ')) return [];
  return compareLines(where, [title], [other.title], exact);
}

/**
 * Drops the lines about registers past the end of the image. If a capability is cut off, lspci
 * prints none of its registers, but our listing contains all readable registers.
 */
function readable(
  ours: readonly string[],
  theirs: readonly string[],
  isLate: boolean,
): [ours: readonly string[], theirs: readonly string[]] {
  const isCut = isLate || theirs.some((line) => MISSING.test(line));
  const there = theirs.filter((line) => !MISSING.test(line));
  const mine = ours.filter((line) => !MISSING.test(line));
  // Even the registers for the headline of the capability are past the end of the image.
  if (mine.length === 1 && ours.length === 2 && isLate) return [[], []];
  return [isCut ? mine.slice(0, there.length) : mine, there];
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
    .filter(([mine, other]) => replaceKnown(mine) !== replaceKnown(other))
    .map(([mine, other]) => `${where}: '${mine}', lspci '${other}'`);
}

/** Compares the flags of each register that both listings contain. */
function compareFlags(where: string, ours: readonly string[], theirs: readonly string[]): string[] {
  const mine = byRegister(ours.map(replaceKnown));
  const found: string[] = [];
  for (const [register, flags] of byRegister(theirs.map(replaceKnown))) {
    for (const [name, isSet] of Object.entries(flags)) {
      const value = mine.get(register)?.[name];
      if (value === undefined || value === isSet) continue;
      found.push(`${where} ${register} ${name}`);
    }
  }
  return found;
}

/**
 * Matches the name of a register at the start of a line, for example `UESta`, `VC0` or `Link
 * Control 0`.
 */
const LABEL =
  /^([A-Z][\w/-]*(?: (?:Control|Config|Capability|Error|Frequency|Handling|Status|\d+))*):(?= )/;

/**
 * Groups the flags of several lines by register. A line without a register name belongs to the
 * register of the previous line.
 */
export function byRegister(lines: readonly string[]): Map<string, Record<string, boolean>> {
  const registers = new Map<string, Record<string, boolean>>();
  let register = '';
  for (const line of lines) {
    register = LABEL.exec(line)?.[1] ?? register;
    registers.set(register, { ...registers.get(register), ...flagsOf(line) });
  }
  return registers;
}
