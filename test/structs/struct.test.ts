import { inspect } from 'node:util';
import test from 'ava';
import fc from '../fast-check.js';
import { defineStruct, openDevice } from '../../lib/mock.js';

const entry = defineStruct('entry', {
  opcode: 'u8',
  flags: { type: 'u8', fields: { fused: [1, 0], sgl: [7, 6] } },
  id: 'u16',
  length: 'u32be',
  lba: 'u64',
  name: { type: 'u8', count: 4 },
  words: { type: 'u16be', count: 2 },
  wide: { type: 'u64', fields: { low: [15, 0], high: [63, 24] } },
});

test('a structure has the size of its members, and each member its offset', (t) => {
  t.is(entry.size, 32);
  t.is(entry.offsetOf('opcode'), 0);
  t.is(entry.offsetOf('lba'), 8);
  t.is(entry.offsetOf('wide'), 24);
  t.throws(() => entry.offsetOf('size' as never), { instanceOf: TypeError });
});

test('members are written and read in their byte order', (t) => {
  const bytes = new Uint8Array(40);
  const view = entry.on(bytes, 3);
  Object.assign(view, { opcode: 2, id: 0x1234, length: 0x1122_3344, lba: 0x0102_0304_0506_0708n });
  view.flags.sgl = 3;
  view.flags.fused = 1;
  view.name.set([1, 2, 3, 4]);
  view.words.set(1, 0xabcd);
  view.wide.high = 0xff_ffff_fffen;
  view.wide.low = 7;
  t.is(
    Buffer.from(bytes.subarray(3, 35)).toString('hex'),
    '02c13412112233440807060504030201010203040000abcd' + '070000feffffffff',
  );
  t.deepEqual(view.read(), {
    opcode: 2,
    flags: { fused: 1, sgl: 3, value: 0xc1 },
    id: 0x1234,
    length: 0x1122_3344,
    lba: 0x0102_0304_0506_0708n,
    name: [1, 2, 3, 4],
    words: [0, 0xabcd],
    wide: { low: 7, high: 0xff_ffff_fffen, value: 0xffff_ffff_fe00_0007n },
  });
  t.true(inspect(view).includes('opcode: 2'));
  t.deepEqual([...bytes.subarray(0, 3), ...bytes.subarray(35)], new Array(8).fill(0));
});

test('members can have the names of the methods of DataView', (t) => {
  const struct = defineStruct('odd', {
    byteLength: 'u8',
    buffer: 'u8',
    getUint8: 'u16',
    constructor: { type: 'u16', fields: { byteOffset: [3, 0], buffer: 4 } },
    setUint32: { type: 'u16', count: 2 },
  });
  const view = struct.on(Uint8Array.of(1, 2, 3, 0, 0x15, 0, 6, 0, 7, 0));
  t.deepEqual(view.read(), {
    byteLength: 1,
    buffer: 2,
    getUint8: 3,
    constructor: { byteOffset: 5, buffer: 1, value: 0x15 },
    setUint32: [6, 7],
  });
  t.false('getUint16' in view);
  t.is(view.setUint32.length, 2);
  t.deepEqual([...view.setUint32], [6, 7]);
});

test('numbers of 24 and 48 bits support both byte orders, fields and arrays', (t) => {
  const struct = defineStruct('odd', {
    lba: 'u24',
    length: 'u24be',
    address: 'u48',
    mac: 'u48be',
    flags: { type: 'u24', fields: { low: [3, 0], high: [23, 20] } },
    wide: { type: 'u48', fields: { low: 0, high: [47, 8] } },
    list: { type: 'u24be', count: 2 },
    addresses: { type: 'u48', count: 2 },
  });
  const bytes = new Uint8Array(struct.size);
  const view = struct.on(bytes);
  view.write({
    ...{ lba: 0xf1_0203, length: 0xf1_0203, address: 0xf102_0304_0506n, mac: 0xf102_0304_0506n },
    flags: { low: 1, high: 15 },
    wide: { low: 1, high: 0xfe_0304_0506n },
    list: [1, 0xff_fffe],
    addresses: [0n, 0xffff_ffff_fffen],
  });
  t.is(
    Buffer.from(bytes).toString('hex'),
    '0302f1f10203' +
      '0605040302f1f10203040506' +
      '0100f001060504' +
      '03fe000001fffffe' +
      '000000000000feffffffffff',
  );
  const lba: number = view.lba;
  const address: bigint = view.address;
  t.deepEqual([lba, address], [0xf1_0203, 0xf102_0304_0506n]);
  t.deepEqual([...view.list, ...view.addresses], [1, 0xff_fffe, 0n, 0xffff_ffff_fffen]);
  const wrong: [() => void, typeof TypeError | typeof RangeError][] = [
    [() => (view.lba = 2 ** 24), RangeError],
    [() => (view.length = -1), RangeError],
    [() => (view.address = 2n ** 48n), RangeError],
    [() => (view.mac = -1n), RangeError],
    [() => (view.mac = 1 as never), TypeError],
    [
      () => {
        view.list.set(0, 2 ** 24);
      },
      RangeError,
    ],
    [
      () => {
        view.addresses.set(1, 2n ** 48n);
      },
      RangeError,
    ],
  ];
  for (const [call, instanceOf] of wrong) t.throws(call, { instanceOf });
});

test('any numbers are read back as they were written', (t) => {
  const types = fc.constantFrom(
    ...(['u8', 'u16', 'u24', 'u32', 'u48', 'u64'] as const),
    ...(['u16be', 'u24be', 'u32be', 'u48be', 'u64be'] as const),
  );
  fc.assert(
    fc.property(
      fc.array(types, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.bigInt(0n, 2n ** 64n - 1n)),
      (members, numbers) => {
        const names = members.map((type, i) => [`m${i}`, type] as const);
        const struct = defineStruct('any', Object.fromEntries(names));
        const view = struct.on(new Uint8Array(struct.size)) as unknown as Record<string, unknown>;
        const written: Record<string, unknown> = {};
        for (const [name, type] of names) {
          const bits = Number(type.replace(/\D/g, ''));
          const value = BigInt.asUintN(bits, numbers.next().value as bigint);
          written[name] = bits > 32 ? value : Number(value);
          view[name] = written[name];
        }
        t.deepEqual((view as unknown as { read(): unknown }).read(), written);
      },
    ),
    { numRuns: 200 },
  );
});

test('a value that does not fit is refused, and nothing is written', (t) => {
  const bytes = new Uint8Array(entry.size);
  const view = entry.on(bytes);
  const wrong: [() => void, typeof TypeError | typeof RangeError][] = [
    [() => (view.opcode = 256), RangeError],
    [() => (view.opcode = -1), RangeError],
    [() => (view.id = 0.5), RangeError],
    [() => (view.id = '1' as never), TypeError],
    [() => (view.length = 2 ** 32), RangeError],
    [() => (view.lba = 1 as never), TypeError],
    [() => (view.lba = -1n), RangeError],
    [() => (view.flags.fused = 4), RangeError],
    [() => (view.wide.high = 1 as never), TypeError],
    [
      () => {
        view.words.set(2, 0);
      },
      RangeError,
    ],
    [
      () => {
        view.words.set(0, 65536);
      },
      RangeError,
    ],
    [() => view.words.at(-1), RangeError],
  ];
  for (const [write, instanceOf] of wrong) t.throws(write, { instanceOf });
  t.true(bytes.every((byte) => byte === 0));
});

test('a structure is in a DMA buffer, within its bounds', async (t) => {
  const device = await openDevice('mock:edu#structs');
  t.teardown(() => {
    device.close();
  });
  const buffer = device.dma.allocateSync(4096);
  entry.on(buffer, 64).lba = 5n;
  t.is(new DataView(buffer.buffer).getBigUint64(64 + 8, true), 5n);
  t.throws(() => entry.on(buffer, 4096 - 31), { instanceOf: RangeError });
  t.throws(() => entry.on(buffer, -1), { instanceOf: RangeError });
  t.throws(() => entry.on([] as never), { instanceOf: TypeError });
});

test('a wrong definition is refused', (t) => {
  const wrong: [unknown, typeof TypeError | typeof RangeError][] = [
    [null, TypeError],
    [{ a: 'i32' }, TypeError],
    [{ a: 32 }, TypeError],
    [{ a: {} }, TypeError],
    [{ a: null }, TypeError],
    [{ a: { type: 'u8', count: 0 } }, RangeError],
    [{ a: { type: 'u8', count: 2, fields: { x: 0 } } }, TypeError],
    [{ a: { type: 'u8', fields: { x: 8 } } }, RangeError],
    [{ a: { type: 'u8', fields: { x: [2, 1], y: 2 } } }, RangeError],
    [{ a: { type: 'u8', fields: null } }, TypeError],
    [{ read: 'u8' }, TypeError],
    [{ a: { type: 'u8', fields: { read: 0 } } }, TypeError],
    [{ a: { type: 'u8', fields: { value: 0 } } }, TypeError],
    [{ 'a b': 'u8' }, TypeError],
  ];
  for (const [members, instanceOf] of wrong) {
    t.throws(() => defineStruct('wrong', members as never), { instanceOf });
  }
});
