import { bits, readBits } from '../bytes.js';
import { hex, type Listed } from './row.js';

/** A status register or a control register whose bits must all appear in the listing. */
export interface StateRegister {
  /** The label of the register's lines, or the index of the line. Null: the title. */
  readonly line: string | number | null;
  /** Offset in bytes from the start of the capability or of the header. */
  readonly offset: number;
  readonly width: 8 | 16 | 32;
  /**
   * Names of the bits that lspci omits, for example because of the port type. A field of several
   * bits has its lowest and its highest bit. All other omitted bits are reserved bits, or bits of a
   * reserved code.
   */
  readonly names: Readonly<Record<string, number | readonly [low: number, high: number]>>;
  /** The name of the register, if the line contains several registers. */
  readonly part?: string;
}

export function state(
  line: StateRegister['line'],
  offset: number,
  width: StateRegister['width'],
  names: StateRegister['names'] = {},
): StateRegister {
  return { line, offset, width, names };
}

/**
 * Adds a line `Also:` below each status and control register that has a set bit without effect on
 * the listing. To find these bits, the function changes each set bit and lists the registers again.
 *
 * @param list - lists an image of configuration space
 * @param start - the offset in bytes to which the offsets of the registers are relative
 */
export function addRemaining(
  list: (config: Uint8Array) => Listed,
  config: Uint8Array,
  start: number,
  registers: readonly StateRegister[],
): Listed {
  const listed = list(config);
  const text = textOf(listed);
  const copy = config.slice();
  const added = registers.flatMap((register) => {
    const end = findEnd(listed.lines, register.line);
    const at = start + register.offset;
    if (end === null || at + register.width / 8 > config.length) return [];
    const value = readBits(config, at, register.width);
    let silent = 0;
    for (let bit = 0; bit < register.width; bit++) {
      if (bits(value, bit) === 0) continue;
      const byte = at + (bit >> 3);
      copy[byte] = (copy[byte] ?? 0) ^ (1 << (bit & 7));
      if (textOf(list(copy)) === text) silent += 2 ** bit;
      copy[byte] = config[byte] ?? 0;
    }
    return silent === 0 ? [] : [{ end, line: format(register, value, silent) }];
  });
  if (added.length === 0) return listed;
  const lines = listed.lines.flatMap((line, index) => [
    ...added.filter(({ end }) => end === index).map((one) => one.line),
    line,
  ]);
  lines.push(...added.filter(({ end }) => end === listed.lines.length).map((one) => one.line));
  return { title: listed.title, lines };
}

function textOf({ title, lines }: Listed): string {
  return [title, ...lines].join('\n');
}

/** Returns the index after the last line of a register; null if the register is not listed. */
function findEnd(lines: readonly string[], line: StateRegister['line']): number | null {
  if (line === null) return 0;
  const start =
    typeof line === 'number' ? line : lines.findIndex((one) => one.startsWith(`${line}:`));
  if (start < 0 || start >= lines.length) return null;
  let end = start + 1;
  while (lines[end]?.startsWith('  ') === true) end++;
  return end;
}

function format({ width, names, part }: StateRegister, value: number, silent: number): string {
  let reserved = silent;
  const words = Object.entries(names).flatMap(([name, place]) => {
    const [low, high] = typeof place === 'number' ? [place, place] : place;
    const found = bits(silent, low, high);
    if (found === 0) return [];
    reserved -= found * 2 ** low;
    return [low === high ? `${name}+` : `${name}=${bits(value, low, high)}`];
  });
  if (reserved !== 0) words.push(`Reserved=${hex(reserved, width / 4)}`);
  return `  Also${part === undefined ? '' : ` ${part}`}: ${words.join(' ')}`;
}
