import { showField } from '../../registers/describe.js';
import { codecOf, type NamedRegister } from '../../registers/named.js';

/**
 * Formats the fields of a register: ` (rdy=0, cfs=0)`, or with a value before, only the fields that
 * changed: ` (rdy 0 -> 1)`. Returns an empty text if there is nothing to show.
 */
export function formatFields({ layout }: NamedRegister, value: bigint, before?: bigint): string {
  const codec = codecOf(layout);
  const old = before === undefined ? undefined : codec.decode(before);
  const texts = Object.entries(codec.decode(value)).flatMap(([name, bits]) => {
    const was = old?.[name];
    if (was === bits) return [];
    const now = showField(bits);
    return [was === undefined ? `${name}=${now}` : `${name} ${showField(was)} -> ${now}`];
  });
  return texts.length === 0 ? '' : ` (${texts.join(', ')})`;
}
