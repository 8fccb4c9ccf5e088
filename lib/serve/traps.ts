import { hex } from '../checks.js';
import type { Width } from '../contract/index.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from '../contract/uapi.js';
import type { Trap } from './options.js';

/** Part of an access: within one trap, or outside of all traps. The numbers are in bytes. */
export interface Part {
  readonly trap: Trap | undefined;
  /** Offset in the region. */
  readonly offset: number;
  readonly length: number;
}

/** The traps of a server, sorted by offset for each region. */
export class Traps {
  readonly #byRegion = new Map<number, readonly Trap[]>();

  /** @throws RangeError if two traps overlap */
  constructor(traps: readonly Trap[]) {
    for (const trap of traps) {
      const others = this.#byRegion.get(trap.region) ?? [];
      const overlapping = others.find(
        ({ offset, size }) => offset < trap.offset + trap.size && trap.offset < offset + size,
      );
      if (overlapping !== undefined) {
        throw new RangeError(
          `two traps of region ${trap.region} overlap: ` +
            `${describeRange(overlapping)} and ${describeRange(trap)}`,
        );
      }
      const sorted = [...others, trap].sort((a, b) => a.offset - b.offset);
      this.#byRegion.set(trap.region, sorted);
    }
  }

  /** Returns the traps of a region, or undefined if the region has no trap. */
  of(region: number): readonly Trap[] | undefined {
    return this.#byRegion.get(region);
  }

  /** Whether a trap receives bytes of a write. */
  catchWrite(region: number, at: number, length: number): boolean {
    const traps = this.#byRegion.get(region);
    if (traps === undefined) return false;
    for (const { offset, size, write } of traps) {
      if (write !== undefined && at < offset + size && offset < at + length) return true;
    }
    return false;
  }
}

function describeRange({ offset, size }: Trap): string {
  return `${hex(offset)} to ${hex(offset + size - 1)}`;
}

/** Splits an access at the edges of the traps of its region. */
export function splitAccess(traps: readonly Trap[], offset: number, length: number): Part[] {
  const parts: Part[] = [];
  const end = offset + length;
  for (let at = offset; at < end;) {
    const next = traps.find((trap) => at < trap.offset + trap.size);
    const trap = next !== undefined && next.offset <= at ? next : undefined;
    const edge = trap === undefined ? (next?.offset ?? end) : trap.offset + trap.size;
    const length = Math.min(edge, end) - at;
    parts.push({ trap, offset: at, length });
    at += length;
  }
  return parts;
}

/** Reads from a trap by naturally aligned accesses. */
export function readTrap(
  trap: Trap,
  read: NonNullable<Trap['read']>,
  offset: number,
  into: Uint8Array,
): void {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  forEachWidth(trap, offset, into.length, (at, width) => {
    const value = read(offset + at - trap.offset, width);
    if (typeof value !== (width === 8 ? 'bigint' : 'number')) {
      throw new TypeError(
        `read of a trap must return a ${width === 8 ? 'bigint' : 'number'} for ${width} bytes`,
      );
    }
    if (width === 8) view.setBigUint64(at, value as bigint, true);
    else if (width === 4) view.setUint32(at, value as number, true);
    else if (width === 2) view.setUint16(at, value as number, true);
    else view.setUint8(at, value as number);
  });
}

/** Writes to a trap by naturally aligned accesses. */
export function writeTrap(
  trap: Trap,
  write: NonNullable<Trap['write']>,
  offset: number,
  from: Uint8Array,
): void {
  const view = new DataView(from.buffer, from.byteOffset, from.length);
  forEachWidth(trap, offset, from.length, (at, width) => {
    const target = offset + at - trap.offset;
    if (width === 8) write(target, width, view.getBigUint64(at, true));
    else if (width === 4) write(target, width, view.getUint32(at, true));
    else if (width === 2) write(target, width, view.getUint16(at, true));
    else write(target, width, view.getUint8(at));
  });
}

/**
 * Calls a function for each access of a range. Each access is aligned in the region. An access of
 * configuration space has at most 4 bytes.
 */
function forEachWidth(
  { region }: Trap,
  offset: number,
  length: number,
  access: (at: number, width: Width) => void,
): void {
  const widest: Width = region === VFIO_PCI_CONFIG_REGION_INDEX ? 4 : 8;
  for (let at = 0; at < length;) {
    let width: Width = widest;
    while ((offset + at) % width !== 0 || at + width > length) width = (width / 2) as Width;
    access(at, width);
    at += width;
  }
}
