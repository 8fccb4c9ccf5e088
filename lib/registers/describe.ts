import { hex } from '../checks.js';
import { codecOf, type NamedRegister } from './named.js';

/** Describes a read, for example `bar0.csts -> 0x1 (rdy=1, cfs=0)`. */
export function describeRead({ name, layout }: NamedRegister, value: bigint): string {
  const fields = Object.entries(codecOf(layout).decode(value));
  const list = fields.map(([field, bits]) => `${field}=${showField(bits)}`).join(', ');
  return `${name} -> ${hex(value)}${list === '' ? '' : ` (${list})`}`;
}

/**
 * Describes a write by the fields that change, for example `bar0.cc.en <- 1`. If no field changes,
 * the whole value is shown: `bar0.doorbell[1] <- 0x5`.
 *
 * @param before - the value of the register, or undefined if the value is unknown
 */
export function describeWrite(
  { name, layout }: NamedRegister,
  value: bigint,
  before: bigint | undefined,
): string {
  const codec = codecOf(layout);
  const old = before === undefined ? undefined : codec.decode(before);
  const changes = Object.entries(codec.decode(value)).filter(([field, bits]) => {
    switch (layout.fields.get(field)?.access) {
      case 'rw':
        return old?.[field] !== bits;
      case 'ro':
        return false;
      default:
        return bits !== 0 && bits !== 0n;
    }
  });
  if (changes.length === 0) return `${name} <- ${hex(value)}`;
  return changes.map(([field, bits]) => `${name}.${field} <- ${showField(bits)}`).join(', ');
}

/** Small values are decimal, and values above 9 are hexadecimal. */
export function showField(bits: number | bigint): string {
  return bits <= 9 ? String(bits) : hex(bits);
}
