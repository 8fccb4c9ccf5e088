import fc from '../../fast-check.js';

/**
 * The ids of capabilities without decoded registers, for example the null capability and hot plug.
 */
const STANDARD = [0x00, 0x06, 0x0b, 0x0c, 0x0e, 0x0f];
const EXTENDED = [0x00, 0x04, 0x06, 0x08, 0x0a, 0x11];
const EXPRESS = 0x40;

interface Link {
  readonly id: number;
  readonly at: number;
}

/**
 * The number of the capability to which a link points. The number 0 ends the list. Many links form
 * loops, because there are few capabilities.
 */
const place = fc.integer({ min: 0, max: 12 });

function links(ids: readonly number[]): fc.Arbitrary<Link[]> {
  const one = fc.record({ id: fc.constantFrom(...ids), at: place });
  return fc.array(one, { minLength: 13, maxLength: 13 });
}

/**
 * Generates both capability lists with random links. No link points into the header, because only
 * lspci follows a link into the header.
 */
export const linked: fc.Arbitrary<Uint8Array> = fc
  .record({
    standard: links([...STANDARD, 0xff]),
    extended: links(EXTENDED),
    size: fc.constantFrom(64, 256, 4096, 4096),
    first: fc.integer({ min: 1, max: 12 }),
    low: fc.nat(3),
  })
  .map(({ standard, extended, size, first, low }) => {
    const config = new Uint8Array(4096);
    const view = new DataView(config.buffer);
    config.set([0x34, 0x12, 0x78, 0x56, 0, 0, 0x10, 0]);
    config[0x34] = EXPRESS | low;
    config.set([0x10, (0x80 + 8 * first) | low, 0x02, 0x00], EXPRESS);
    standard.forEach(({ id, at }, index) => {
      config.set([id, at === 0 ? low : (0x80 + 8 * at) | low], 0x80 + 8 * index);
    });
    extended.forEach(({ id, at }, index) => {
      const link = at === 0 ? low : (0x100 + 8 * at) | low;
      view.setUint32(0x100 + 8 * index, id + 0x1_0000 + link * 0x10_0000, true);
    });
    return config.slice(0, size);
  });
