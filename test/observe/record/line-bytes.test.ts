import test from 'ava';
import fc from '../../fast-check.js';
import { LineBytes } from '../../../lib/observe/record/line-bytes.js';

const bytes = fc.uint8Array({ maxLength: 150 }).map((array) => Buffer.from(array));
const integer = fc.oneof(fc.maxSafeNat(), fc.nat(2000), fc.constantFrom(2 ** 31 - 1, 2 ** 31));

test('text, numbers and hex digits are joined', (t) => {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }).map((text) => ({ text })),
    integer.map((value) => ({ value })),
    bytes.map((contents) => ({ contents })),
  );
  const lines = new LineBytes();
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      let expected = '';
      for (const one of parts) {
        if ('text' in one) {
          lines.addText(one.text);
          expected += one.text;
        } else if ('value' in one) {
          lines.addInteger(one.value);
          expected += String(one.value);
        } else {
          const start = Math.floor(one.contents.length / 3);
          lines.addHex(one.contents, start, one.contents.length);
          lines.addBytes(one.contents.subarray(0, 0));
          expected += one.contents.toString('hex', start);
        }
      }
      return lines.length === Buffer.byteLength(expected) && lines.take().toString() === expected;
    }),
  );
  t.is(lines.length, 0);
});

test('the memory grows if the text needs more', (t) => {
  const lines = new LineBytes();
  lines.addText('first ');
  lines.addHex(Buffer.alloc(1 << 18, 0xab), 0, 1 << 18);
  lines.addInteger(7);
  t.is(lines.take().toString(), `first ${'ab'.repeat(1 << 18)}7`);
  lines.addText('next');
  t.is(lines.take().toString(), 'next');
});
