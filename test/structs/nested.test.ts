import { inspect } from 'node:util';
import test from 'ava';
import fc from '../fast-check.js';
import { defineStruct } from '../../lib/mock.js';

const region = defineStruct('region', {
  address: 'u64',
  size: { type: 'u32', fields: { bytes: [21, 0], interrupt: 31 } },
});

const table = defineStruct('table', {
  command: 'u16be',
  serial: { type: 'u8', offset: 4, count: 4 },
  first: region,
  last: { type: region, offset: 24 },
  regions: { type: region, count: 2 },
  words: { type: 'u16', offset: 64, count: 2 },
});

test('nested structures, arrays of structures and offsets have their places', (t) => {
  t.is(region.size, 12);
  t.is(table.size, 68);
  const places = ['command', 'serial', 'first', 'last', 'regions', 'words'] as const;
  t.deepEqual(
    places.map((name) => table.offsetOf(name)),
    [0, 4, 8, 24, 36, 64],
  );
  const bytes = new Uint8Array(table.size + 2);
  const view = table.on(bytes, 1);
  view.first.address = 0x0102_0304_0506_0708n;
  view.last.size.interrupt = 1;
  view.regions.at(1).size.bytes = 0x1122;
  t.is(view.regions.length, 2);
  t.is(Buffer.from(bytes.subarray(9, 17)).toString('hex'), '0807060504030201');
  t.is(bytes[1 + 24 + 11], 0x80);
  t.deepEqual([...bytes.subarray(1 + 36 + 20, 1 + 36 + 22)], [0x22, 0x11]);
  t.deepEqual(
    [...view.regions].map(({ size }) => size.bytes),
    [0, 0x1122],
  );
  const copy = view.read();
  const address: bigint = copy.first.address;
  t.is(address, 0x0102_0304_0506_0708n);
  t.deepEqual(copy.regions[1], {
    address: 0n,
    size: { bytes: 0x1122, interrupt: 0, value: 0x1122 },
  });
  t.true(inspect(view).includes('regions: ['));
  for (const index of [-1, 2, 0.5])
    t.throws(() => view.regions.at(index), { instanceOf: RangeError });
});

test('write() sets the given members, and all other bytes are 0', (t) => {
  const bytes = new Uint8Array(table.size + 2).fill(0xff);
  table.on(bytes, 1).write({
    command: 0x1234,
    serial: [1, 2],
    first: { address: 5n, size: { interrupt: 1 } },
    regions: [{}, { address: 7n, size: 0x8000_0003 }],
    words: new Uint16Array([8]),
    last: undefined,
  });
  t.deepEqual([bytes[0], bytes.at(-1)], [0xff, 0xff]);
  t.deepEqual(table.on(bytes, 1).read(), {
    command: 0x1234,
    serial: [1, 2, 0, 0],
    first: { address: 5n, size: { bytes: 0, interrupt: 1, value: 0x8000_0000 } },
    last: { address: 0n, size: { bytes: 0, interrupt: 0, value: 0 } },
    regions: [
      { address: 0n, size: { bytes: 0, interrupt: 0, value: 0 } },
      { address: 7n, size: { bytes: 3, interrupt: 1, value: 0x8000_0003 } },
    ],
    words: [8, 0],
  });
  table.on(bytes, 1).regions.at(1).write({ address: 9n });
  t.is(
    bytes.subarray(1 + 48, 1 + 60).reduce((sum, byte) => sum + byte),
    9,
  );
});

test('a wrong value of write() is refused before a byte changes', (t) => {
  const bytes = new Uint8Array(table.size).fill(0xa5);
  const wrong: [unknown, typeof TypeError | typeof RangeError, RegExp][] = [
    [null, TypeError, /values of table/],
    [{ comand: 1 }, TypeError, /no member comand; known: command, serial/],
    [{ command: 1, serial: [256] }, RangeError, /table.serial/],
    [{ serial: [1, 2, 3, 4, 5] }, RangeError, /table.serial has 4 elements, not 5/],
    [{ serial: 5 }, TypeError, /table.serial must be an array/],
    [{ words: [1, 65536] }, RangeError, /table.words/],
    [{ first: { address: 1 } }, TypeError, /region.address/],
    [{ first: 3 }, TypeError, /values of table.first/],
    [{ first: { size: { byte: 1 } } }, TypeError, /region.size has no 'byte'/],
    [{ first: { size: { bytes: 2 ** 22 } } }, RangeError, /field bytes/],
    [{ first: { size: null } }, TypeError, /region.size/],
    [{ regions: [{}, {}, {}] }, RangeError, /table.regions has 2/],
    [{ regions: [1] }, TypeError, /table.regions\[0\]/],
  ];
  for (const [values, instanceOf, message] of wrong) {
    const write = () => {
      table.on(bytes).write(values as never);
    };
    t.throws(write, { instanceOf, message });
  }
  t.true(bytes.every((byte) => byte === 0xa5));
});

test('any values are read back as write() wrote them', (t) => {
  const values = fc.record({
    address: fc.bigInt(0n, 2n ** 64n - 1n),
    size: fc.record({ bytes: fc.nat(2 ** 22 - 1), interrupt: fc.nat(1) }),
  });
  fc.assert(
    fc.property(fc.tuple(values, values), values, ([a, b], last) => {
      const view = table.on(new Uint8Array(table.size));
      view.write({ regions: [a, b], last });
      const plain = ({ address, size: { bytes, interrupt } }: typeof a) => ({
        address,
        size: { bytes, interrupt },
      });
      t.deepEqual(view.read().regions.map(plain), [a, b]);
      t.deepEqual(plain(view.read().last), last);
    }),
    { numRuns: 200 },
  );
});

test('a wrong place or type of a member is refused', (t) => {
  const wrong: [unknown, typeof TypeError | typeof RangeError, RegExp][] = [
    [{ a: 'u32', b: { type: 'u8', offset: 3 } }, RangeError, /the offset of member wrong.b/],
    [{ a: { type: 'u8', offset: 0.5 } }, RangeError, /the offset/],
    [{ a: { type: region, count: 0 } }, RangeError, /the count/],
    [{ a: { type: region, fields: { x: 0 } } }, TypeError, /the type of member wrong.a/],
    [{ a: { type: {} } }, TypeError, /the type of member wrong.a/],
    [{ write: 'u8' }, TypeError, /'write'/],
  ];
  for (const [members, instanceOf, message] of wrong) {
    t.throws(() => defineStruct('wrong', members as never), { instanceOf, message });
  }
});
