/** The bits of a device's register that contain bits 63:32 of a message address. */
import { checkU32, hex } from '../../checks.js';
import { VfioError } from '../../errors.js';

/**
 * Checks a mask of high address bits: 0, or adjacent bits.
 *
 * @throws TypeError or RangeError
 */
export function checkHighBits(bits: number, name: string): void {
  checkU32(bits, name);
  if (bits !== 0 && !Number.isInteger(Math.log2(bits / lowestBit(bits) + 1))) {
    throw new RangeError(`the bits of ${name} must be adjacent, not ${hex(bits)}`);
  }
}

/**
 * Returns the value of the bits for an address.
 *
 * @param bits - mask of the bits in the register
 * @throws {@link VfioError} EOVERFLOW if bits 63:32 of the address do not fit
 */
export function encodeHigh(address: bigint, bits: number): number {
  const high = Number(address >> 32n);
  if (high === 0) return 0;
  const unit = bits === 0 ? 1 : lowestBit(bits);
  if (high > Math.floor(bits / unit)) {
    throw new VfioError({
      code: 'EOVERFLOW',
      message: `bits 63:32 of the address ${hex(address)} do not fit into the bits ${hex(bits)}`,
    });
  }
  return high * unit;
}

/** Returns bits 63:32 of the address that a register contains. */
export function decodeHigh(word: number, bits: number): number {
  return bits === 0 ? 0 : ((word & bits) >>> 0) / lowestBit(bits);
}

/** Returns the value of the lowest set bit. */
function lowestBit(bits: number): number {
  return (bits & -bits) >>> 0;
}
