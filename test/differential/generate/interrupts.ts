import fc from '../../fast-check.js';
import type { Op } from '../script.js';
import type { Situation, Step } from './situation.js';

const NONE = 0x01;
const BOOL = 0x02;
const EVENTFD = 0x04;
const MASK = 0x08;
const UNMASK = 0x10;
const TRIGGER = 0x20;
const U32_MAX = 0xffff_ffff;
/** Values of BOOL data. The kernel tests only whether a value is 0. */
const BOOLS = [0, 1, 2, 0x80, 0xff] as const;
/** A number that is not an open file descriptor. */
const NO_FILE = 999_999;
/** Maximum number of data elements in a SET_IRQS request. */
const DATA_MAX = 70;

const bool = fc.constantFrom(...BOOLS);
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const fd: fc.Arbitrary<string | number | null> = fc.oneof(
  { weight: 12, arbitrary: name },
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constantFrom(-1, -2, -(2 ** 31)) },
  { weight: 1, arbitrary: fc.constantFrom(NO_FILE, 0, 2 ** 31 - 1) },
);

function set(
  index: number,
  flags: number,
  start: number,
  count: number,
  data: Readonly<Record<string, unknown>> = {},
): Op {
  return { op: 'set_irqs', index, flags, start, count, ...data };
}

/** A vector number, in most cases a small number. */
const vector = fc.oneof(fc.nat(3), fc.nat(2048));
const within = (choice: number, { vectors }: Situation): number => choice % Math.max(vectors, 1);

/** Enables the index or binds some of its vectors, like a driver. */
const bind = fc
  .tuple(fc.oneof(fc.constant(0), vector), fc.array(fd, { minLength: 1, maxLength: 8 }))
  .map(([start, fds]): Step => (situation) => {
    const first = within(start, situation);
    const wanted = fds.slice(0, Math.max(situation.vectors - first, 1));
    return [set(situation.index, EVENTFD | TRIGGER, first, wanted.length, { fds: wanted })];
  });

const loopback = fc
  .tuple(vector, fc.integer({ min: 1, max: 4 }), fc.boolean(), fc.array(bool, { minLength: 4 }))
  .map(([start, count, bools, values]): Step => (situation) => {
    const first = within(start, situation);
    const n = Math.min(count, Math.max(situation.vectors - first, 1));
    if (!bools) return [set(situation.index, NONE | TRIGGER, first, n)];
    const data = { bools: values.slice(0, n) };
    return [set(situation.index, BOOL | TRIGGER, first, n, data)];
  });

const disable: Step = ({ index }) => [set(index, NONE | TRIGGER, 0, 0)];

const mask = fc
  .tuple(fc.constantFrom(MASK, UNMASK), fc.constantFrom(NONE, BOOL, EVENTFD), bool, fd)
  .map(([action, type, value, resample]): Step => () => {
    const data = type === NONE ? {} : type === BOOL ? { bools: [value] } : { fds: [resample] };
    return [set(0, action | type, 0, 1, data)];
  });

const flags = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom(NONE, BOOL, EVENTFD), fc.constantFrom(TRIGGER, TRIGGER, MASK, UNMASK))
      .map(([type, action]) => type | action),
  },
  { weight: 2, arbitrary: fc.nat(63) },
  { weight: 1, arbitrary: fc.constantFrom(0x40, 0x64, 0x8000_0024, U32_MAX) },
);

/** A vector count or a vector index that is near the limits. */
const borderline = fc.oneof(
  { weight: 6, arbitrary: fc.nat(3).map((n) => () => n) },
  {
    weight: 4,
    arbitrary: fc
      .integer({ min: -2, max: 2 })
      .map((n) => (vectors: number) => Math.max(vectors + n, 0)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(2048, 2 ** 31, U32_MAX - 1, U32_MAX).map((n) => () => n),
  },
);

const argsz = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.integer({ min: -9, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(-U32_MAX, U32_MAX) },
);

/** Generates SET_IRQS requests with common errors and with rare errors. */
const anything = fc
  .record({
    index: fc.option(fc.constantFrom(0, 1, 2, 3, 4, 5, U32_MAX), { freq: 3 }),
    flags,
    start: fc.oneof({ weight: 3, arbitrary: fc.constant(() => 0) }, borderline),
    count: borderline,
    fds: fc.array(fd, { minLength: 1, maxLength: 6 }),
    surplus: fc.constantFrom(0, 0, 0, 0, -1, 1),
    argsz,
  })
  .map((choice): Step => (situation) => {
    const index = choice.index ?? situation.index;
    const vectors = situation.target.vectors[index] ?? 0;
    const count = choice.count(vectors);
    const length = Math.max(Math.min(count, DATA_MAX) + choice.surplus, 0);
    const fds = Array.from({ length }, (_, i) => choice.fds[i % choice.fds.length]);
    const eventfds = (choice.flags & EVENTFD) !== 0;
    const data = eventfds
      ? { fds }
      : (choice.flags & BOOL) !== 0
        ? { bools: fds.map((value) => (value === null ? 0 : 1)) }
        : {};
    const real = 20 + ('bools' in data ? length : eventfds ? 4 * length : 0);
    const size = choice.argsz === null ? null : Math.min(Math.max(real + choice.argsz, 0), U32_MAX);
    return [
      set(index, choice.flags, choice.start(vectors), count, {
        ...data,
        ...(size === null ? {} : { argsz: size }),
      }),
    ];
  });

/** SET_IRQS on the ERR or REQ interrupt. Only the host raises these interrupts. */
const notification = fc
  .tuple(fc.constantFrom(3, 4), fc.constantFrom(NONE, BOOL, EVENTFD), fc.nat(1), bool, fd)
  .map(([index, type, count, value, eventfd]): Step => () => {
    const data = type === NONE ? {} : type === BOOL ? { bools: [value] } : { fds: [eventfd] };
    return [set(index, type | TRIGGER, 0, count, count === 0 ? {} : data)];
  });

export const eventfdRead = fc.nat(5).map((choice): Step => (situation) => {
  const eventfd = situation.eventfd(choice);
  return eventfd === undefined ? [] : [{ op: 'eventfd_read', name: eventfd }];
});

const index = fc.constantFrom(0, 1, 2, 3, 4, 5, U32_MAX);
const info = fc.oneof(
  index.map((one): Step => () => [{ op: 'irq_info', index: one }]),
  fc
    .tuple(fc.option(index, { freq: 3 }), vector)
    .map(([one, number]): Step => (situation) => [
      { op: 'affinity', index: one ?? situation.index, vector: within(number, situation) },
    ]),
);

export const interrupts: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: bind },
  { weight: 6, arbitrary: loopback },
  { weight: 2, arbitrary: fc.constant(disable) },
  { weight: 4, arbitrary: mask },
  { weight: 8, arbitrary: anything },
  { weight: 3, arbitrary: notification },
  { weight: 7, arbitrary: eventfdRead },
  { weight: 1, arbitrary: info },
);
