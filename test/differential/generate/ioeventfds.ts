import fc from '../../fast-check.js';
import type { Bar, Target } from '../targets.js';
import type { Step } from './situation.js';

const name = fc.constantFrom('a', 'b', 'g');
/** All access widths of the kernel, and wrong widths. */
const width = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(4, 4, 4, 2, 1, 8) },
  { weight: 1, arbitrary: fc.constantFrom(0, 3, 12, 16) },
);

/**
 * Returns a width that divides the offset. QEMU splits a store to an unaligned address into bytes,
 * and most devices drop these bytes.
 */
function aligned(bytes: number, offset: number): number {
  const wrong = ![1, 2, 4, 8].includes(bytes);
  return wrong || offset % bytes === 0 ? bytes : aligned(bytes / 2, offset);
}

/** Binds an eventfd to a register write, signals the eventfd, and removes the binding. */
function registerWrite(bar: Bar): fc.Arbitrary<Step> {
  const { index: region } = bar;
  return fc
    .record({
      place: fc.constantFrom(...bar.writes),
      value: fc.nat(),
      width,
      name,
      signals: fc.nat(2),
      again: fc.boolean(),
      removes: fc.boolean(),
    })
    .map((choice): Step => () => {
      const { offset, values } = choice.place;
      const value =
        values.length === 0 ? choice.value : (values[choice.value % values.length] ?? 0);
      const bytes = aligned(choice.width, offset);
      const set = { op: 'ioeventfd', region, offset, width: bytes, value: `${value}` };
      const signal = { op: 'eventfd_signal', name: choice.name, count: '1' };
      return [
        { ...set, name: choice.name },
        ...(choice.again ? [{ ...set, name: choice.name }] : []),
        ...Array.from({ length: choice.signals }, () => signal),
        { op: 'read', region, offset, length: 4 },
        ...(choice.removes ? [{ ...set, name: null }] : []),
      ];
    });
}

/** Requests that the kernel refuses, in most cases. */
function borderline({ bars }: Target): fc.Arbitrary<Step> {
  const places = bars.flatMap(({ index, size, table }) => [
    ...[size - 4, size - 1, size, 2 ** 40 - 4].map((offset) => [index, offset] as const),
    ...(table ?? []).map((offset) => [index, offset] as const),
    ...(table ?? []).map((offset) => [index, offset - 4] as const),
  ]);
  const elsewhere = [5, 6, 7, 8, 9].map((region) => [region, 0] as const);
  return fc
    .tuple(fc.constantFrom(...places, ...elsewhere), width, fc.option(name, { freq: 2 }))
    .map(([[region, offset], bytes, eventfd]): Step => () => [
      { op: 'ioeventfd', region, offset, width: bytes, value: '0', name: eventfd },
    ]);
}

export function ioeventfds(target: Target): fc.Arbitrary<Step> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.oneof(...target.bars.map(registerWrite)) },
    { weight: 1, arbitrary: borderline(target) },
  );
}
