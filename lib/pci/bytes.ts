/**
 * Reads a byte of configuration space. Returns 0xff for a byte past the end of the image, like a
 * read on the PCI bus. A short or damaged image therefore never makes the decoding fail. The
 * functions `u16()` and `u32()` read little-endian values.
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

/** Extracts the bits `low` to `high`, both inclusive, from a value of up to 32 bits. */
export function bits(value: number, low: number, high = low): number {
  return Math.floor(value / 2 ** low) % 2 ** (high - low + 1);
}

export function isSet(value: number, bit: number): boolean {
  return bits(value, bit) === 1;
}
