import fc from '../../fast-check.js';

/**
 * The offsets of the base register and of the limit register for each bridge window. The low bits
 * of these registers contain the address width of the window.
 */
const WINDOWS = [
  [0x1c, 0x1d],
  [0x20, 0x22],
  [0x24, 0x26],
] as const;

/** Generates functions that have a random header of type `type`, but no capabilities. */
export function headerOf(type: number): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      bytes: fc.uint8Array({ minLength: 0x48, maxLength: 0x48 }),
      /** Whether the class code is that of a bridge. */
      isBridge: fc.boolean(),
      /**
       * The code for the address width of all bridge windows. Null keeps the random codes, which
       * include reserved codes.
       */
      width: fc.constantFrom(0, 1, null),
    })
    .map(({ bytes, isBridge, width }) => {
      const config = new Uint8Array(256);
      config.set(bytes);
      config[0x00] = 0x34;
      // Clears the capabilities bit and the reserved bits of the status register.
      config[0x06] = (bytes[0x06] ?? 0) & 0xed;
      if (isBridge) config[0x0b] = 0x06;
      config[0x0e] = ((bytes[0x0e] ?? 0) & 0x80) | type;
      config[0x3d] = (bytes[0x3d] ?? 0) % 5;
      if (type === 0) config.set([(bytes[0x30] ?? 0) & 1, (bytes[0x31] ?? 0) & 0xf8], 0x30);
      if (type === 1) fixWindows(config, width);
      return config;
    });
}

/**
 * Limits the bridge windows to addresses below 4 TiB. For larger addresses, lspci prints wrong
 * sizes, which cannot be compared.
 */
function fixWindows(config: Uint8Array, width: number | null): void {
  config.set([(config[0x38] ?? 0) & 1, (config[0x39] ?? 0) & 0xf8], 0x38);
  for (const upper of [0x28, 0x2c]) config.fill(0, upper + 1, upper + 4);
  if (width === null) return;
  for (const offset of WINDOWS.flat()) {
    config[offset] =
      ((config[offset] ?? 0) & 0xf0) | (offset === 0x20 || offset === 0x22 ? 0 : width);
  }
}
