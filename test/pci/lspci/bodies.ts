import fc from '../../fast-check.js';

/** The offset of the tested capability, which is the first capability in its list. */
const STANDARD = 0x40;
const EXTENDED = 0x100;
const EXPRESS = 0x40;
/** The class code (base class and sub class) for each header type. */
const CLASSES = [0x0200, 0x0604, 0x0607];

/** Describes a capability for which the tests generate random registers. */
export interface Kind {
  readonly name: string;
  readonly id: number;
  readonly extended: boolean;
  /**
   * The header types of functions that can have the capability; by default endpoints and bridges.
   */
  readonly headers?: readonly number[];
  /** Sets the registers that must contain valid values, so that lspci decodes the capability. */
  readonly fix?: (body: DataView) => void;
  /** Sets registers outside of the capability on which the decoding of the capability depends. */
  readonly function?: (config: DataView) => void;
}

interface Draw {
  readonly type: number;
  readonly header: number;
  readonly body: Uint8Array;
  /**
   * Whether the capability is at the end of configuration space, which cuts off its last registers.
   */
  readonly late: boolean;
}

/**
 * Generates the configuration space of functions that have this capability. If the capability is
 * extended, the function also has the PCI Express capability.
 */
export function bodyOf(kind: Kind): fc.Arbitrary<Uint8Array> {
  const room = kind.extended ? 0x300 : 0x100 - STANDARD;
  return fc
    .record({
      type: fc.nat(15),
      header: fc.constantFrom(...(kind.headers ?? [0, 1])),
      body: fc.oneof(
        { arbitrary: fc.uint8Array({ minLength: room, maxLength: room }), weight: 3 },
        { arbitrary: fc.uint8Array({ minLength: 8, maxLength: room }), weight: 1 },
      ),
      late: fc.boolean(),
    })
    .map((draw) => assemble(kind, draw));
}

function assemble(kind: Kind, { type, header, body, late }: Draw): Uint8Array {
  const config = new Uint8Array(kind.extended ? 4096 : 256);
  const view = new DataView(config.buffer);
  view.setUint32(0x00, 0x5678_1234, true);
  view.setUint16(0x06, 0x0010, true);
  view.setUint16(0x0a, CLASSES[header] ?? 0, true);
  config[0x0e] = header;
  const made = new Uint8Array(config.length);
  made.set(body);
  kind.fix?.(new DataView(made.buffer));
  // If `late` is true, the last registers of the capability are past the end of the image.
  const at = !late
    ? kind.extended
      ? EXTENDED
      : STANDARD
    : config.length - 4 * (1 + ((body[0] ?? 0) % 16));
  config.set(made.subarray(0, config.length - at), at);
  if (kind.extended) {
    config[EXPRESS] = 0x10;
    config[EXPRESS + 2] = (type << 4) | 2;
    if (late) view.setUint32(EXTENDED, at * 0x10_0000, true);
    view.setUint32(at, kind.id + (((made[2] ?? 0) & 0xf) << 16), true);
  } else {
    config[at] = kind.id;
    config[at + 1] = 0;
  }
  config[header === 2 ? 0x14 : 0x34] = kind.extended ? EXPRESS : at;
  kind.function?.(view);
  return config;
}
