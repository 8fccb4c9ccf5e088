import test from 'ava';
import fc from '../../fast-check.js';
import { VfioError } from '../../../lib/errors.js';
import type { Eventfd, IrqSet } from '../../../lib/contract/index.js';
import { encodeIrqSet } from '../../../lib/backend/kernel/irq-set.js';

const SET: IrqSet = { index: 2, flags: 0x24, start: 0, count: 0 };

function eventfd(fd: number | null): Eventfd {
  const unused = () => {
    throw new VfioError({ code: 'EIO' });
  };
  return { fd, signal: unused, read: unused, close: unused };
}

test('eventfds are encoded as 32-bit file descriptors, and null is encoded as -1', (t) => {
  const { argsz, data } = encodeIrqSet({ ...SET, eventfds: [eventfd(7), null, -2, 300] });
  t.is(argsz, 20 + 16);
  t.is(Buffer.from(data).toString('hex'), '07000000fffffffffeffffff2c010000');
});

test('bools are encoded as bytes, and a request without data has only the header', (t) => {
  t.deepEqual(encodeIrqSet({ ...SET, bools: [1, 0, 255] }), {
    argsz: 23,
    data: Uint8Array.of(1, 0, 255),
  });
  t.deepEqual(encodeIrqSet(SET), { argsz: 20, data: new Uint8Array(0) });
});

test('property: for any argsz, the kernel reads only bytes inside the data', (t) => {
  fc.assert(
    fc.property(
      fc.nat(0xffff_ffff),
      fc.nat(2048),
      fc.constantFrom(0, 1, 4),
      fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 40 }),
      (argsz, count, width, eventfds) => {
        const encoded = encodeIrqSet({ ...SET, count, eventfds, argsz });
        // If argsz covers count * width data bytes, the kernel reads these bytes. If argsz covers
        // fewer bytes, the kernel reads no data.
        const read = argsz - 20 >= count * width ? count * width : 0;
        const given = encodeIrqSet({ ...SET, eventfds }).data;
        const rest = encoded.data.subarray(given.length);
        return (
          encoded.argsz === argsz &&
          encoded.data.length >= read &&
          given.every((byte, i) => encoded.data[i] === byte) &&
          rest.every((byte) => byte === 0)
        );
      },
    ),
  );
  t.pass();
});

test('encodeIrqSet() refuses a value that does not fit into its field', (t) => {
  t.throws(() => encodeIrqSet({ ...SET, eventfds: [eventfd(null)] }), { instanceOf: TypeError });
  t.throws(() => encodeIrqSet({ ...SET, eventfds: [2 ** 31] }), { instanceOf: RangeError });
  t.throws(() => encodeIrqSet({ ...SET, bools: [256] }), { instanceOf: RangeError });
  for (const field of ['index', 'flags', 'start', 'count', 'argsz']) {
    for (const value of [-1, 2 ** 32, 0.5]) {
      t.throws(() => encodeIrqSet({ ...SET, [field]: value }), {
        instanceOf: RangeError,
        message: new RegExp(`^${field} must`),
      });
    }
  }
});
