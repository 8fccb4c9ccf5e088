import test from 'ava';
import { type BarOwner, VirtualMsix } from 'vfio/mock';
import fc from '../../fast-check.js';
import { FULL } from '../../full.js';
import { emulated, ENABLE } from './guest.js';

const VECTORS = 3;
const SIZE = 0x100;
const TABLE = 0x40;
/** Size of the table: 48 bytes. The size of the pending bits is 8 bytes. */
const TABLE_END = TABLE + 48;
const PBA = 0x80;

const owner = (offset: number) => {
  if (offset >= TABLE && offset < TABLE_END) return 'table';
  return offset >= PBA && offset < PBA + 8 ? 'pba' : 'device';
};

const places = { table: { bar: 0, offset: TABLE }, pba: { bar: 0, offset: PBA } };

/** A device model with 256 bytes of registers in BAR 0, beside the table and the pending bits. */
class Model {
  readonly registers = new Uint8Array(SIZE);
  readonly served: [offset: number, length: number][] = [];

  read(msix: VirtualMsix, offset: number, length: number): { bytes: Uint8Array; owner: BarOwner } {
    const bytes = new Uint8Array(length).fill(0x55);
    const owner = msix.accessBar(0, offset, bytes, 'read', (at, part) => {
      this.served.push([at, part.length]);
      part.set(this.registers.subarray(at, at + part.length));
    });
    return { bytes, owner };
  }

  write(msix: VirtualMsix, offset: number, bytes: Uint8Array): BarOwner {
    return msix.accessBar(0, offset, bytes, 'write', (at, part) => {
      this.served.push([at, part.length]);
      this.registers.set(part, at);
    });
  }
}

test('accessBar() returns the owner of the access', (t) => {
  const { msix, software, guest } = emulated(VECTORS, places);
  const model = new Model();
  guest.control(ENABLE);
  software.sendSignal(2);
  t.is(model.write(msix, TABLE + 24, Uint8Array.of(1, 2, 0, 0, 0, 0, 0, 0)), 'table');
  t.is(msix.message(1).data, 0x201);
  t.false(msix.masked(1));
  t.deepEqual(model.read(msix, PBA, 8), {
    bytes: Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0),
    owner: 'pba',
  });
  t.is(model.write(msix, PBA, Uint8Array.of(0, 0, 0, 0)), 'pba');
  t.true(msix.pending(2));
  t.deepEqual(model.served, []);
  t.is(model.write(msix, TABLE_END, Uint8Array.of(7, 7)), 'device');
  t.is(model.write(msix, 0, Uint8Array.of(9)), 'device');
  t.deepEqual(model.served, [
    [TABLE_END, 2],
    [0, 1],
  ]);
  const bytes = new Uint8Array(4);
  const got: Uint8Array[] = [];
  const other = msix.accessBar(1, TABLE, bytes, 'read', (_at, part) => got.push(part));
  t.is(other, 'device', 'another BAR');
  t.is(got[0], bytes, 'the whole access is passed without a copy');
});

test('an access that straddles the table is divided', (t) => {
  const { msix } = emulated(VECTORS, places);
  const model = new Model();
  t.is(model.write(msix, TABLE - 4, Uint8Array.of(1, 2, 3, 4, 0, 0, 0xe0, 0xfe)), 'mixed');
  t.is(msix.tableRead(0, 4), 0xfee0_0000);
  t.deepEqual(model.registers.subarray(TABLE - 4, TABLE), Uint8Array.of(1, 2, 3, 4));
  t.deepEqual(model.read(msix, TABLE - 2, 4).bytes, Uint8Array.of(3, 4, 0xff, 0xff));
  t.is(model.write(msix, TABLE_END - 4, Uint8Array.of(0, 0, 0, 0, 5, 6, 7, 8)), 'mixed');
  t.false(msix.masked(2), 'Vector Control of the last vector');
  t.is(model.registers[TABLE_END], 5);
});

test('the pending bits can be in front of the table and in another BAR', (t) => {
  const before = { table: { bar: 0, offset: 8 }, pba: { bar: 0, offset: 0 } };
  const { msix, software, guest } = emulated(2, before);
  guest.control(ENABLE);
  software.sendSignal(1);
  const model = new Model();
  const { bytes, owner } = model.read(msix, 0, 64);
  t.is(owner, 'mixed');
  t.is(bytes[0], 2);
  t.is(bytes[8 + 12], 1, 'Vector Control');
  t.deepEqual(model.served, [[40, 24]]);
});

test('any access gives each byte to its owner', (t) => {
  const access = fc.record({
    offset: fc.integer({ min: TABLE - 20, max: PBA + 20 }),
    length: fc.oneof(fc.constantFrom(1, 2, 4, 8), fc.nat(80)),
    fill: fc.nat(255),
    write: fc.boolean(),
  });
  let mixed = 0;
  const property = fc.property(fc.array(access, { maxLength: 20 }), (accesses) => {
    const { msix } = emulated(VECTORS, places);
    const twin = emulated(VECTORS, places).msix;
    const model = new Model();
    const registers = new Uint8Array(SIZE);
    for (const { offset, length, fill, write } of accesses) {
      const offsets = Array.from({ length }, (_, i) => offset + i);
      const owners = new Set(offsets.map(owner));
      const wanted = owners.size > 1 ? 'mixed' : ([...owners][0] ?? 'device');
      if (owners.size > 1) mixed++;
      // The dwords that the access covers.
      const dwords = offsets.filter((at) => at % 4 === 0 && at + 4 <= offset + length);
      if (write) {
        const got = model.write(msix, offset, new Uint8Array(length).fill(fill));
        if (got !== wanted) throw new Error(`${got}, not ${wanted}`);
        for (const at of offsets) if (owner(at) === 'device') registers[at] = fill;
        for (const at of dwords) {
          if (owner(at) === 'table') twin.tableWrite(at - TABLE, 4, fill * 0x0101_0101);
        }
        continue;
      }
      const { bytes, owner: got } = model.read(msix, offset, length);
      if (got !== wanted) throw new Error(`${got}, not ${wanted}`);
      const expected = new Uint8Array(length).fill(0xff);
      const view = new DataView(expected.buffer);
      for (const at of offsets) {
        if (owner(at) === 'device') expected[at - offset] = registers[at] ?? 0;
      }
      for (const at of dwords) {
        if (owner(at) === 'table') view.setUint32(at - offset, twin.tableRead(at - TABLE, 4), true);
        if (owner(at) === 'pba') view.setUint32(at - offset, 0, true);
      }
      if (bytes.join() !== expected.join())
        throw new Error(`read ${bytes.join()}, not ${expected.join()}`);
    }
  });
  fc.assert(property, { numRuns: FULL ? 5000 : 300 });
  t.log(`${mixed} mixed accesses`);
  t.true(mixed > 100);
});

test('accessBar() refuses arguments of a wrong type', (t) => {
  const { msix } = emulated(VECTORS, places);
  const bytes = new Uint8Array(4);
  const serve = () => undefined;
  for (const [args, error] of [
    [['0', 0, bytes, 'read', serve], TypeError],
    [[6, 0, bytes, 'read', serve], RangeError],
    [[0, -4, bytes, 'read', serve], RangeError],
    [[0, 0, [0], 'read', serve], TypeError],
    [[0, 0, bytes, 'raed', serve], TypeError],
    [[0, 0, bytes, 'read', undefined], TypeError],
  ] as const) {
    t.throws(() => msix.accessBar(...(args as unknown as Parameters<VirtualMsix['accessBar']>)), {
      instanceOf: error,
    });
  }
});
