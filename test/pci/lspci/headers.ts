import fc from 'fast-check';

/** Registers of a bridge that say how wide a window is, with the others of their pair. */
const WINDOWS = [
  [0x1c, 0x1d],
  [0x20, 0x22],
  [0x24, 0x26],
] as const;

/** A function without capabilities whose header holds anything, of that layout. */
export function headerOf(type: number): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      bytes: fc.uint8Array({ minLength: 0x48, maxLength: 0x48 }),
      /** Whether its class is that of a bridge. */
      isBridge: fc.boolean(),
      /** Widths of a bridge's windows; null for what is not assigned. */
      width: fc.constantFrom(0, 1, null),
    })
    .map(({ bytes, isBridge, width }) => {
      const config = new Uint8Array(256);
      config.set(bytes);
      config[0x00] = 0x34;
      // No list, and none of the bits that tell the status register from all ones.
      config[0x06] = (bytes[0x06] ?? 0) & 0xed;
      if (isBridge) config[0x0b] = 0x06;
      config[0x0e] = ((bytes[0x0e] ?? 0) & 0x80) | type;
      config[0x3d] = (bytes[0x3d] ?? 0) % 5;
      if (type === 0) config.set([(bytes[0x30] ?? 0) & 1, (bytes[0x31] ?? 0) & 0xf8], 0x30);
      if (type === 1) settle(config, width);
      return config;
    });
}

/** Of windows above 4 TiB lspci says no size that can be compared. */
function settle(config: Uint8Array, width: number | null): void {
  config.set([(config[0x38] ?? 0) & 1, (config[0x39] ?? 0) & 0xf8], 0x38);
  for (const upper of [0x28, 0x2c]) config.fill(0, upper + 1, upper + 4);
  if (width === null) return;
  for (const offset of WINDOWS.flat()) {
    config[offset] =
      ((config[offset] ?? 0) & 0xf0) | (offset === 0x20 || offset === 0x22 ? 0 : width);
  }
}
