/**
 * Reads a byte of configuration space. A byte past the end of the image reads as all ones, as on
 * the bus. Decoding therefore never fails on a short or damaged image. `u16()` and `u32()` read
 * little-endian values.
 */
export function u8(config: Uint8Array, offset: number): number {
  return config[offset] ?? 0xff;
}

export function u16(config: Uint8Array, offset: number): number {
  return u8(config, offset) | (u8(config, offset + 1) << 8);
}

export function u32(config: Uint8Array, offset: number): number {
  return (u16(config, offset) | (u16(config, offset + 2) << 16)) >>> 0;
}

export function readBits(config: Uint8Array, offset: number, width: 8 | 16 | 32): number {
  return width === 8
    ? u8(config, offset)
    : width === 16
      ? u16(config, offset)
      : u32(config, offset);
}

/** Extracts the bits from `low` to `high` (both inclusive) of a value with up to 32 bits. */
export function bits(value: number, low: number, high = low): number {
  return Math.floor(value / 2 ** low) % 2 ** (high - low + 1);
}

export function isSet(value: number, bit: number): boolean {
  return bits(value, bit) === 1;
}
