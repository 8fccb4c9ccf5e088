import fc from '../../fast-check.js';

const EXPRESS = 0x10;
/**
 * Assigned ids. An id is excluded if lspci reads registers that the capability does not have, or
 * crashes because of missing registers.
 */
const STANDARD = ids(0x16, [0x0d, EXPRESS, 0x14]);
const EXTENDED = ids(0x3b, [0x05, 0x07, 0x18, 0x23, 0x36]);
/**
 * The header types of the generated functions, including CardBus. In a function with a CardBus
 * header, lspci does not decode the PCI-X capability.
 */
const TYPES = [0, 0, 1, 2] as const;
const PCIX = 0x07;

function ids(count: number, without: readonly number[]): number[] {
  return Array.from({ length: count }, (_, id) => id).filter((id) => !without.includes(id));
}

/**
 * Generates configuration space from random bytes. Every offset that a link can contain is the
 * start of a capability.
 */
export const anything: fc.Arbitrary<Uint8Array> = fc
  .record({
    type: fc.constantFrom(...TYPES),
    bytes: fc.oneof(bytesOf(256), bytesOf(4096)),
  })
  .map(({ type, bytes }) => {
    const config = bytes.slice();
    const at = (offset: number) => bytes[offset] ?? 0;
    config[0x00] = 0x34;
    config[0x06] = (at(0x06) & 0xfd) | 0x10;
    config[0x0e] = type;
    config[0x3d] = at(0x3d) % 5;
    fixHeader(config, type);
    for (let offset = 0x40; offset < 0x100; offset += 4) {
      const id = STANDARD[at(offset) % STANDARD.length] ?? 0;
      config[offset] = type === 2 && id === PCIX ? 0 : id;
      if (at(offset + 1) < 0x40) config[offset + 1] = 0;
    }
    for (let offset = 0x100; offset < config.length; offset += 4) {
      config[offset] = EXTENDED[at(offset) % EXTENDED.length] ?? 0;
      config[offset + 1] = 0;
      if (at(offset + 3) < 0x10) config.set([at(offset + 2) & 0xf, 0], offset + 2);
    }
    // If the end of the image cuts off a capability, lspci prints no line break after the
    // capability.
    if (config.length === 4096) for (const offset of [0xff8, 0xffc]) skip(config, offset);
    const pointer = type === 2 ? 0x14 : 0x34;
    config[pointer] = at(pointer) | 0x40;
    config[(at(pointer) | 0x40) & ~3] = EXPRESS;
    return config;
  });

const SERIAL_NUMBER = 0x03;

function skip(config: Uint8Array, offset: number): void {
  if (config[offset] === SERIAL_NUMBER) config[offset] = 0;
}

/**
 * Generates random bytes from a seed. The bytes are not generated one by one, because fast-check
 * cannot usefully shrink a failing input of 4096 bytes.
 */
function bytesOf(size: number): fc.Arbitrary<Uint8Array> {
  return fc.nat(0x7fff_ffff).map((seed) => {
    let state = seed | 1;
    return Uint8Array.from({ length: size }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    });
  });
}

/**
 * Clears the reserved bits of the ROM register, and limits the windows of bridges to 4 TiB. For
 * larger windows, lspci prints wrong sizes.
 */
function fixHeader(config: Uint8Array, type: number): void {
  const rom = [0x30, 0x38][type];
  if (rom !== undefined) {
    config.set([(config[rom] ?? 0) & 1, (config[rom + 1] ?? 0) & 0xf8], rom);
  }
  if (type === 1) for (const upper of [0x28, 0x2c]) config.fill(0, upper + 1, upper + 4);
}
