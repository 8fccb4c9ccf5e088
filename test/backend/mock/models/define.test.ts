import { inspect } from 'node:util';
import test from 'ava';
import { defineModel } from '../../../../lib/backend/mock/models/define.js';
import type {
  BarShape,
  CapabilityShape,
  MemoryBlock,
  ModelDefinition,
  Register,
} from '../../../../lib/backend/mock/hardware/model.js';
import { connect } from '../support.js';

const logic = () => ({ registers: {}, reset: () => undefined });

function define(shape: Partial<ModelDefinition['shape']>): ModelDefinition {
  return {
    name: 'card',
    shape: { vendorId: 0x1234, deviceId: 1, classCode: 0xff0000, bars: [], ...shape },
    create: logic,
  };
}

test('fields that a definition omits are 0, and defineModel() accepts its own result', (t) => {
  const { shape } = defineModel(define({}));
  t.like(shape, { subsystemId: 0, revision: 0, interruptPin: 0 });
  t.deepEqual(shape.capabilities, []);
  t.deepEqual(defineModel(defineModel(define({}))).shape, shape);
});

test('the error for a field of a wrong type or out of range names the field', (t) => {
  const wrong = (part: object) => () => defineModel({ ...define({}), ...part });
  t.throws(wrong({ name: '' }), { instanceOf: TypeError, message: /name of a model/ });
  t.throws(wrong({ name: './card.json' }), { instanceOf: TypeError, message: /card\.json/ });
  t.throws(wrong({ name: 'a#b' }), { instanceOf: TypeError });
  t.throws(wrong({ shape: undefined }), { instanceOf: TypeError, message: /shape/ });
  t.throws(wrong({ create: {} }), { instanceOf: TypeError, message: /create/ });
  const vendorId = '1234' as unknown as number;
  t.throws(() => defineModel(define({ vendorId })), { instanceOf: TypeError, message: /vendorId/ });
  t.throws(() => defineModel(define({ classCode: 0x1000000 })), { message: /classCode/ });
  t.throws(() => defineModel(define({ interruptPin: 5 as 4 })), { message: /interruptPin/ });
});

const bars: readonly (readonly [BarShape[], RegExp])[] = [
  [[{ index: 6, size: 16 }], /index of a BAR/],
  [[{ index: 0, size: 48 }], /BAR 0: size must be a power of two/],
  [[{ index: 0, size: 8 }], /from 16 to/],
  [[{ index: 0, size: 2 ** 32 }], /from 16 to 2147483648/],
  [[{ index: 1, size: 512, kind: 'io' }], /from 4 to 256/],
  [[{ index: 1, size: 64, kind: 'io', bits: 64 }], /I\/O ports/],
  [[{ index: 5, size: 64, bits: 64 }], /BAR 5 cannot/],
  [[{ index: 0, size: 64, widths: [3 as 4] }], /a width of .*BAR 0 must be 1, 2, 4 or 8, not 3/],
  [
    [
      { index: 2, size: 64 },
      { index: 2, size: 64 },
    ],
    /BAR 2 is declared twice/,
  ],
  [
    [
      { index: 0, size: 64, bits: 64 },
      { index: 1, size: 64 },
    ],
    /BAR 1 is the upper half of the 64-bit BAR 0/,
  ],
];

for (const [wrong, message] of bars) {
  test(`a model with these BARs is refused: ${JSON.stringify(wrong)}`, (t) => {
    t.throws(() => defineModel(define({ bars: wrong })), { instanceOf: RangeError, message });
  });
}

const place = (bar: number, offset: number) => ({ bar, offset });
const msix = (vectors: number, table: number, pba: number, bar = 0): CapabilityShape => ({
  name: 'msix',
  offset: 0x40,
  vectors,
  table: place(bar, table),
  pba: place(bar, pba),
});
const pcie: CapabilityShape = { name: 'pcie', offset: 0x80 };

const capabilities: readonly (readonly [CapabilityShape[], RegExp])[] = [
  [[msix(0, 0, 0x800)], /vectors/],
  [[msix(2049, 0, 0x800)], /vectors/],
  [[msix(4, 4, 0x800)], /table must begin at a multiple of 8/],
  [[msix(256, 8, 0x800)], /table of 4096 bytes at 0x8 must end within BAR 0 of 0x1000 bytes/],
  [[msix(4, 0, 0x1000)], /pending bit array of 8 bytes at 0x1000/],
  [[msix(4, 0, 0x38)], /pending bit array at 0x38 overlaps table/],
  [[msix(4, 0, 0x38, 3)], /table must lie in a memory BAR: 3 is not a memory BAR/],
  [[msix(4, 0, 0x38, 1)], /table must lie in a memory BAR: 1 is not a memory BAR/],
  [[{ name: 'msi', offset: 0x40, vectors: 3 as 4 }], /vectors must be 1, 2, 4/],
  [[{ name: 'pm', offset: 0x3c }], /pm of 8 bytes must lie from 0x40 to 0xff/],
  [[{ name: 'pm', offset: 0x42 }], /multiple of 4/],
  [[{ name: 'pm', offset: 0xfc }], /must lie from/],
  [[pcie, { name: 'pm', offset: 0x90 }], /pm at 0x90 overlaps pcie, which ends at 0xbc/],
  [[pcie, { name: 'pcie', offset: 0x40 }], /pcie is declared twice/],
  [[{ name: 'aer', offset: 0x100 }], /add a 'pcie' capability/],
  [[pcie, { name: 'aer', offset: 0x140 }], /aer, must be at 0x100, not at 0x140/],
  [[pcie, { name: 'aer', offset: 0x40 }], /must lie from 0x100 to 0xfff/],
];

for (const [wrong, message] of capabilities) {
  test(`a model with these capabilities is refused: ${JSON.stringify(wrong)}`, (t) => {
    const shape = {
      bars: [{ index: 0, size: 4096 }, { index: 1, size: 64, kind: 'io' } as const],
      capabilities: wrong,
    };
    t.throws(() => defineModel(define(shape)), { instanceOf: RangeError, message });
  });
}

test('the error for an unknown capability lists the known capabilities', (t) => {
  const unknown = { name: 'msi-x', offset: 0x40 } as unknown as CapabilityShape;
  t.throws(() => defineModel(define({ capabilities: [unknown] })), {
    instanceOf: TypeError,
    message: /unknown capability 'msi-x': expected .*msix/,
  });
});

test('defineModel() refuses a ROM or an image of a wrong size', (t) => {
  const image = new Uint8Array(3000);
  t.throws(() => defineModel(define({ rom: { size: 3000, image } })), { message: /power of two/ });
  t.throws(() => defineModel(define({ rom: { size: 2048, image } })), {
    message: /at most 2048 bytes, not 3000/,
  });
  t.throws(() => defineModel(define({ image: { bytes: image } })), { message: /256 or 4096/ });
  const bytes = new Uint8Array(256);
  for (const [offset, length] of [
    [254, 4],
    [-1, 1],
    [0.5, 1],
  ] as const) {
    const writable = new Map([[offset, new Uint8Array(length)]]);
    t.throws(() => defineModel(define({ image: { bytes, writable } })), { message: /writable/ });
  }
  bytes.set([0x10], 6);
  bytes.set([0xf8], 0x34);
  bytes.set([0x05], 0xf8);
  t.throws(() => defineModel(define({ image: { bytes } })), {
    message: /msi of 10 bytes at 0xf8 in the image must end by 0x100/,
  });
});

const parts: readonly (readonly [(Register | MemoryBlock)[], RegExp])[] = [
  [[{ offset: 2, width: 4, name: 'odd' }], /odd must begin at a multiple of 4/],
  [[{ offset: 0, width: 3 as 4, name: 'broad' }], /width of broad must be/],
  [[{ offset: 0x1000, width: 4, name: 'far' }], /far must lie from 0 to 0xfff/],
  [[{ offset: 0xffc, width: 8, name: 'long' }], /long must lie from 0/],
  [
    [
      { offset: 0, width: 4, name: 'a' },
      { offset: 2, width: 1, name: 'b' },
    ],
    /b at 0x2 overlaps a/,
  ],
  [[{ offset: 0, size: 12, name: 'memory' }], /size of memory/],
  [[{ offset: 0, size: 8, name: 'm', contents: new Uint8Array(9) }], /contents of m/],
  [[{ offset: 0x808, width: 4, name: 'mine' }], /overlaps the MSI-X table/],
  [[{ offset: 0x900, width: 4, name: 'mine' }], /overlaps the MSI-X pending bit array|at 0x900/],
];

for (const [wrong, message] of parts) {
  test(`a BAR with these registers is refused: ${JSON.stringify(wrong)}`, (t) => {
    const shape = {
      bars: [{ index: 0, size: 4096 }],
      capabilities: [msix(16, 0x800, 0x900)],
    };
    const create = () => ({ registers: { 0: wrong }, reset: () => undefined });
    const model = defineModel({ ...define(shape), create });
    t.throws(() => connect(t, model), { instanceOf: RangeError, message });
  });
}

for (const widths of [5, {}, null, '4', ['4'], [3], [], [undefined], Array(1)]) {
  test(`widths of ${inspect(widths)} are refused for a BAR and for a register`, (t) => {
    const message = /width/;
    t.throws(() => defineModel(define({ bars: [{ index: 0, size: 64, widths } as BarShape] })), {
      message,
    });
    const register = { offset: 0, width: 4, name: 'a', widths } as Register;
    const create = () => ({ registers: { 0: [register] }, reset: () => undefined });
    const model = defineModel({ ...define({ bars: [{ index: 0, size: 64 }] }), create });
    t.throws(() => connect(t, model), { message });
  });
}

for (const [fields, message] of [
  [{ bar: 1 }, /1 is not a memory BAR/],
  [{ bar: 2 }, /2 is not a memory BAR/],
  [{ entries: 300 }, /sources of 4800 bytes must fit into BAR 0 of 4096 bytes/],
  [{ offset: 4090 }, /sources.offset must be an integer from 0 to 4032/],
  [{ offset: 2 }, /offset of sources must be a multiple of 4/],
  [{ stride: 18 }, /stride of sources must be a multiple of 4/],
  [{ data: 13 }, /offset of data of sources must be an integer from 0 to 12/],
  [{ data: 4 }, /overlaps/],
] as const) {
  test(`sources with ${JSON.stringify(fields)} are refused`, (t) => {
    const sources = {
      ...{ bar: 0, offset: 0, entries: 4, stride: 16, addressLow: 0, addressHigh: 4, data: 8 },
      mask: { offset: 12, bits: 1 },
      ...fields,
    };
    const withPorts = [{ index: 0, size: 4096 }, { index: 1, size: 64, kind: 'io' } as const];
    t.throws(() => defineModel(define({ bars: withPorts, sources })), { message });
  });
}

test('defineModel() refuses registers of a wrong type and registers in a missing BAR', (t) => {
  const model = (registers: Record<number, unknown[]>) =>
    defineModel({
      ...define({ bars: [{ index: 0, size: 4096 }] }),
      create: () => ({
        registers: registers as Record<number, Register[]>,
        reset: () => undefined,
      }),
    });
  const open = (registers: Record<number, unknown[]>) => () => connect(t, model(registers));
  t.throws(open({ 1: [] }), { instanceOf: RangeError, message: /BAR 1 has registers/ });
  t.throws(open({ 0: [{ offset: 0, width: 4 }] }), { instanceOf: TypeError, message: /a name/ });
  t.throws(open({ 0: [{ offset: 0, width: 4, name: 'a', read: 5 }] }), {
    instanceOf: TypeError,
    message: /read of a/,
  });
  t.throws(open({ 0: [{ offset: 0, size: 8, name: 'm', load: () => 0 }] }), {
    instanceOf: TypeError,
    message: /load and store of m must both/,
  });
});
