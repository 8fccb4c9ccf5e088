import { checkBytes } from '../checks.js';
import { bits, isSet, u32, u8 } from './bytes.js';

/**
 * The kind of resource behind a BAR: memory below 4 GiB, memory at any 64-bit address, or I/O
 * ports.
 */
export type BarKind = 'memory32' | 'memory64' | 'io';

/** A base address register, decoded from configuration space. */
export interface Bar {
  /** 0 to 5. A 64-bit BAR uses two registers, and only the first register is listed. */
  readonly index: number;
  readonly kind: BarKind;
  /**
   * The address in the register. VFIO shows a virtual copy of the hardware's register. A write to
   * the virtual copy does not change the address of the BAR in the hardware.
   */
  readonly address: bigint;
  readonly prefetchable: boolean;
}

const BAR0 = 0x10;
/**
 * The numbers of base address registers for an endpoint, a bridge and a CardBus bridge; the header
 * type is the index.
 */
const COUNTS = [6, 2, 1];
const TYPE_64 = 2;

/**
 * Decodes the base address registers: PCI Express Base Specification, section 7.5.1.2.1. A register
 * with the value zero is listed as 32-bit memory at address 0, even if the BAR is not implemented.
 * If the BAR is not implemented, the size of its region is 0.
 */
export function decodeBars(config: Uint8Array): Bar[] {
  checkBytes(config, 'config');
  const count = COUNTS[bits(u8(config, 0x0e), 0, 6)] ?? 0;
  const bars: Bar[] = [];
  for (let index = 0; index < count; index++) {
    const low = u32(config, BAR0 + 4 * index);
    if (isSet(low, 0)) {
      bars.push({ index, kind: 'io', address: BigInt(low) & ~3n, prefetchable: false });
      continue;
    }
    const wide = bits(low, 1, 2) === TYPE_64 && index + 1 < count;
    const high = wide ? u32(config, BAR0 + 4 * (index + 1)) : 0;
    bars.push({
      index,
      kind: wide ? 'memory64' : 'memory32',
      address: (BigInt(high) << 32n) | (BigInt(low) & ~0xfn),
      prefetchable: isSet(low, 3),
    });
    if (wide) index++;
  }
  return bars;
}

/**
 * Whether a 64-bit BAR is in the last register, so that no register is left for its upper half. A
 * 64-bit BAR without an upper half maps nothing.
 */
export function isHalfBar({ index, kind }: Bar, config: Uint8Array): boolean {
  return kind === 'memory32' && bits(u32(config, BAR0 + 4 * index), 1, 2) === TYPE_64;
}
