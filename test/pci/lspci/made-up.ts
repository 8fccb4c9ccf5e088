import fc from '../../fast-check.js';

/** The ids of the generated capabilities, with the length of each capability in bytes. */
const STANDARD: readonly (readonly [id: number, length: number])[] = [
  [0x01, 8],
  [0x04, 4],
  [0x05, 24],
  [0x09, 20],
  [0x0a, 4],
  [0x0d, 8],
  [0x11, 12],
  [0x12, 8],
  [0x13, 6],
  [0x15, 8],
];
const EXPRESS = [0x10, 0x3c] as const;
const EXTENDED: readonly (readonly [id: number, length: number])[] = [
  [0x01, 0x48],
  [0x02, 0x70],
  [0x03, 0x0c],
  [0x0b, 0x10],
  [0x0d, 0x08],
  [0x0e, 0x08],
  [0x0f, 0x08],
  [0x10, 0x40],
  [0x12, 0x30],
  [0x13, 0x10],
  [0x15, 0x34],
  [0x17, 0x0c],
  [0x18, 0x08],
  [0x19, 0x0c],
  [0x1b, 0x08],
  [0x1d, 0x10],
  [0x1e, 0x10],
  [0x1f, 0x0c],
  [0x23, 0x10],
  [0x24, 0x34],
  [0x25, 0x0c],
  [0x26, 0x1c],
  [0x27, 0x08],
  [0x2a, 0x20],
  [0x2e, 0x18],
  [0x2f, 0x10],
  [0x31, 0x10],
  [0x32, 0x3c],
  [0x34, 0x24],
];

/**
 * The capability id of Latency Tolerance Reporting. The two highest latency scales are reserved.
 */
const LTR = 0x18;

/** The assigned port types. For an unassigned port type, lspci prints less text. */
const PORT_TYPES = [0, 1, 4, 5, 6, 7, 8, 9, 10];

/**
 * Generates a valid BAR: an empty register, a memory BAR in one or two registers, or an I/O BAR.
 */
const bar = fc.oneof(
  fc.constant([0]),
  fc.integer({ min: 0x10, max: 0xfff }).map((page) => [page * 0x1000 + 0x8]),
  fc.integer({ min: 0x10, max: 0xfff }).map((page) => [page * 0x1000]),
  fc.integer({ min: 1, max: 0xfff }).map((port) => [port * 16 + 1]),
  fc
    .tuple(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 1, max: 0xfff }))
    .map(([high, page]) => [page * 0x1000 + 0xc, high]),
);

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

function filled(list: readonly (readonly [id: number, length: number])[]) {
  return fc
    .subarray([...list])
    .chain((chosen) =>
      fc.tuple(...chosen.map(([id, length]) => bytes(length).map((body) => ({ id, body })))),
    );
}

interface Parts {
  readonly header: Uint8Array;
  readonly bars: readonly number[];
  readonly standard: readonly { id: number; body: Uint8Array }[];
  readonly express: Uint8Array;
  readonly type: number;
  readonly extended: readonly { id: number; body: Uint8Array }[];
}

/**
 * Generates the configuration space of an endpoint. The capability lists are valid, and the
 * registers are random.
 */
export const madeUp: fc.Arbitrary<Uint8Array> = fc
  .record({
    header: bytes(64),
    bars: fc.array(bar, { maxLength: 3 }).map((registers) => registers.flat().slice(0, 6)),
    standard: filled(STANDARD),
    express: bytes(EXPRESS[1]),
    type: fc.constantFrom(...PORT_TYPES),
    extended: filled(EXTENDED),
  })
  .map(assemble);

function assemble({ header, bars, standard, express, type, extended }: Parts): Uint8Array {
  const config = new Uint8Array(4096);
  const view = new DataView(config.buffer);
  config.set(header);
  // Clears bit 1, which is reserved. A status register with this bit clear is never all ones.
  config[0x06] = ((header[0x06] ?? 0) & 0xfd) | 0x10;
  config[0x0e] = 0;
  config[0x3d] = (header[0x3d] ?? 0) % 5;
  for (let index = 0; index < 6; index++) view.setUint32(0x10 + 4 * index, bars[index] ?? 0, true);
  // Clears the reserved bits of the ROM register.
  view.setUint32(0x30, view.getUint32(0x30, true) & 0xffff_f801, true);
  express[2] = ((express[2] ?? 0) & 0x0f) | (type << 4);
  const caps = [{ id: EXPRESS[0], body: express }, ...standard];
  let offset = 0x40;
  let link = 0x34;
  for (const { id, body } of caps) {
    if (offset + body.length > 0x100) break;
    config.set(body, offset);
    config[link] = offset;
    config[offset] = id;
    config[offset + 1] = 0;
    link = offset + 1;
    offset = (offset + body.length + 3) & ~3;
  }
  placeExtended(view, extended);
  return config;
}

function placeExtended(view: DataView, extended: Parts['extended']): void {
  let offset = 0x100;
  extended.forEach(({ id, body }, index) => {
    const next = (offset + body.length + 3) & ~3;
    if (id === LTR) for (const at of [5, 7]) body[at] = (body[at] ?? 0) & 0xef;
    new Uint8Array(view.buffer).set(body, offset);
    const version = (body[2] ?? 0) & 0xf;
    const link = index + 1 < extended.length ? next : 0;
    view.setUint32(offset, id + version * 0x1_0000 + link * 0x10_0000, true);
    offset = next;
  });
}
