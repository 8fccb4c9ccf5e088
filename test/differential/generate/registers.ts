import fc from '../../fast-check.js';
import type { Bar, Target } from '../targets.js';
import type { Step } from './situation.js';

const WIDTHS = [1, 2, 4, 8] as const;
const U32_MAX = 0xffff_ffff;

const width = fc.oneof({ weight: 6, arbitrary: fc.constant(4) }, fc.constantFrom(...WIDTHS));

/** Returns a value as little-endian bytes in hex, cut or padded with zeros. */
function hex(value: number, bytes: number): string {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt32LE(value >>> 0);
  return buffer.subarray(0, bytes).toString('hex');
}

function reads({ index, size, reads: places }: Bar): fc.Arbitrary<Step> {
  const offset = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...places) },
    { weight: 1, arbitrary: fc.constantFrom(size - 4, size - 1, size, size + 4, 2 ** 40 - 4) },
    { weight: 1, arbitrary: fc.nat(size - 1) },
  );
  const lengths = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...WIDTHS) },
    { weight: 1, arbitrary: fc.constantFrom(0, 3, 12, 20, 64) },
  );
  return fc.oneof(
    fc
      .tuple(offset, lengths)
      .map(([at, length]): Step => () => [{ op: 'read', region: index, offset: at, length }]),
    fc
      .tuple(offset, width)
      .map(([at, n]): Step => () => [{ op: 'mmio_read', region: index, offset: at, width: n }]),
  );
}

function writes(bar: Bar): fc.Arbitrary<Step> {
  const { index: region } = bar;
  return fc
    .record({
      place: fc.constantFrom(...bar.writes),
      value: fc.nat(),
      any: fc.integer({ min: 0, max: U32_MAX }),
      width,
      mapped: fc.boolean(),
    })
    .map(({ place, value, any, width: n, mapped }): Step => {
      const { offset, values } = place;
      const bits = values.length === 0 ? any : (values[value % values.length] ?? 0);
      const cut = n < 4 ? bits % 2 ** (8 * n) : bits;
      const read = { op: 'read', region, offset, length: 4 };
      if (!mapped) return () => [{ op: 'write', region, offset, data: hex(bits, n) }, read];
      const store = { op: 'mmio_write', region, offset, width: n, value: `0x${cut.toString(16)}` };
      return () => [store, read];
    });
}

/** Writes at the end of a BAR, where no device has a register. */
function beyond({ index: region, size }: Bar): fc.Arbitrary<Step> {
  return fc
    .tuple(
      fc.constantFrom(size - 4, size - 1, size, size + 4),
      fc.constantFrom(0, 1, 3, 4, 5, 8, 12),
    )
    .map(([offset, bytes]): Step => () => [
      { op: 'write', region, offset, data: '00'.repeat(bytes) },
    ]);
}

export function registers({ bars }: Target): fc.Arbitrary<Step> {
  return fc.oneof(
    { weight: 1, arbitrary: fc.oneof(...bars.map(beyond)) },
    { weight: 6, arbitrary: fc.oneof(...bars.map(reads)) },
    { weight: 4, arbitrary: fc.oneof(...bars.map(writes)) },
  );
}
