// Tests the decoders with the configuration space of a broken or hostile device. Links are wrong,
// capabilities reach past the end, all bytes are ones, or the image is truncated.
import test from 'ava';
import fc from '../fast-check.js';
import { decodeBars, decodeHeader, DECODERS, walkCapabilities } from '../../lib/pci/index.js';
import { openFake } from '../device/fake.js';
import { fuzz } from './inputs.js';

const SIZES = [0, 1, 0x34, 0x40, 0x41, 0xff, 0x100, 0x103, 0x104, 0x1000];

/**
 * A capability with its offset and its link. The smallest and the largest generated offsets are
 * invalid.
 */
const standard = fc.record({
  offset: fc.integer({ min: 0x3c, max: 0xff }),
  id: fc.oneof(fc.integer({ min: 0, max: 0x15 }), fc.integer({ min: 0, max: 0xff })),
  next: fc.oneof(fc.integer({ min: 0x38, max: 0xff }), fc.constant(0)),
});
const extended = fc.record({
  offset: fc.oneof(
    fc.constant(0x100),
    fc.integer({ min: 0x40, max: 0x3ff }).map((n) => n * 4),
  ),
  id: fc.oneof(fc.integer({ min: 0, max: 0x40 }), fc.integer({ min: 0, max: 0xffff })),
  next: fc.oneof(fc.integer({ min: 0, max: 0xfff }), fc.constant(0)),
});

const image = fc
  .record({
    size: fc.oneof(fc.constantFrom(...SIZES), fc.integer({ min: 0, max: 0x1000 })),
    filling: fc.constantFrom(0, 0, 0, 0xff, 0x5a),
    noise: fc.array(
      fc.tuple(fc.integer({ min: 0, max: 0xfff }), fc.integer({ max: 0xff, min: 0 })),
    ),
    status: fc.constantFrom(0x10, 0x10, 0x10, 0, 0xff),
    headerType: fc.constantFrom(0, 0, 1, 2, 3, 0x7f, 0x80, 0x82, 0xff),
    first: fc.integer({ min: 0, max: 0xff }),
    standards: fc.array(standard, { maxLength: 8 }),
    extendeds: fc.array(extended, { maxLength: 8 }),
  })
  .map(({ size, filling, noise, status, headerType, first, standards, extendeds }) => {
    const bytes = new Uint8Array(0x1000).fill(filling);
    const view = new DataView(bytes.buffer);
    for (const [offset, byte] of noise) bytes[offset] = byte;
    bytes[0x06] = status;
    bytes[0x0e] = headerType;
    // The list begins at the first generated capability. In some inputs, the list begins at a
    // different offset.
    bytes[0x34] = standards[0]?.offset ?? first;
    standards.forEach(({ offset, id, next }, i) => {
      bytes[offset] = id;
      bytes[offset + 1] = next % 3 === 0 ? next : (standards[i + 1]?.offset ?? next);
    });
    extendeds.forEach(({ offset, id, next }, i) => {
      const link = next % 3 === 0 ? next : (extendeds[i + 1]?.offset ?? next);
      view.setUint32(offset, (id | (1 << 16) | (link << 20)) >>> 0, true);
    });
    return bytes.slice(0, size);
  });

test('walkCapabilities() ends for every image, and returns only valid offsets within the image', async (t) => {
  await fuzz(t, 2000, image, (config) => {
    const found = walkCapabilities(config);
    const places = new Set(found.map(({ offset }) => offset));
    if (places.size !== found.length)
      throw new Error('walkCapabilities() returns a capability twice');
    for (const { id, offset, extended: isExtended, name, version } of found) {
      const [low, high] = isExtended ? [0x100, config.length - 4] : [0x40, 0xfe];
      if (offset < low || offset > high || offset % 4 !== 0) throw new Error(`at ${offset}`);
      if (offset >= config.length)
        throw new Error('walkCapabilities() returns an offset outside of the image');
      const word = new DataView(config.buffer).getUint8(offset);
      if ((id & 0xff) !== word || id === 0) throw new Error(`${name} does not match its id`);
      if (isExtended !== (version !== undefined)) throw new Error('version');
    }
  });
});

test('each value that the decoders return is within the range of its field', async (t) => {
  await fuzz(t, 1000, image, (config) => {
    const header = decodeHeader(config);
    if (header.vendorId < 0 || header.vendorId > 0xffff) throw new Error('vendor');
    for (const { index, address, kind } of decodeBars(config)) {
      if (index < 0 || index > 5) throw new Error(`BAR ${index}`);
      const limit = kind === 'memory64' ? 64n : 32n;
      if (address < 0n || address >> limit !== 0n) throw new Error(`address ${address}`);
    }
    for (const { name, offset } of walkCapabilities(config)) {
      const decode = (
        DECODERS as Record<string, ((c: Uint8Array, at: number) => object) | undefined>
      )[name];
      if (decode === undefined) continue;
      for (const [key, value] of Object.entries(decode(config, offset))) {
        if (value === undefined || Number.isNaN(value)) throw new Error(`${name}.${key}`);
      }
    }
  });
});

test('find() finds every capability that a device with a random image lists', async (t) => {
  await fuzz(t, 200, image, (config) => {
    const { device, connection } = openFake();
    connection.config.fill(0).set(config);
    const { config: space } = device;
    space.header();
    space.bars();
    for (const { name } of space.capabilities()) {
      if (space.find(name) === undefined) throw new Error(`${name} is listed and not found`);
    }
    device.close();
  });
});
