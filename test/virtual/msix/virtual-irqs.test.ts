import test from 'ava';
import fc from 'fast-check';
import {
  createEventfd,
  type Eventfd,
  type IrqSet,
  openConnection,
  SoftwareSource,
  VfioError,
  VirtualIrqs,
} from 'vfio/mock';
import { FULL } from '../../full.js';
import { tableOf } from './guest.js';

const MSIX = 2;
const NONE = 1;
const BOOL = 2;
const EVENTFD = 4;
const TRIGGER = 32;
const BIND = EVENTFD | TRIGGER;

function device(vectors: number) {
  const msix = tableOf(vectors);
  const software = new SoftwareSource(msix);
  software.emulate(0, vectors);
  return { msix, software, irqs: new VirtualIrqs(msix) };
}

function bind(start: number, ...eventfds: (Eventfd | null | number)[]): IrqSet {
  return { index: MSIX, flags: BIND, start, count: eventfds.length, eventfds };
}

const DISABLE: IrqSet = { index: MSIX, flags: NONE | TRIGGER, start: 0, count: 0 };

function errno(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof VfioError) return error.code;
    throw error;
  }
  return 'none';
}

test('GET_IRQ_INFO reports resizable MSI-X, and no vectors for other indexes', (t) => {
  const { irqs } = device(8);
  t.deepEqual(irqs.getIrqInfo(MSIX), { index: MSIX, flags: 1, count: 8 });
  for (const index of [0, 1, 3, 4]) t.is(irqs.getIrqInfo(index).count, 0);
  t.is(
    errno(() => irqs.getIrqInfo(5)),
    'EINVAL',
  );
});

test('unbind masks a vector; bind unmasks the vector and delivers its pending interrupt', (t) => {
  const { msix, software, irqs } = device(4);
  const [a, b] = [createEventfd(), createEventfd()];
  t.is(irqs.setIrqs(bind(0, null)), 0);
  t.true(msix.enabled);
  t.true(msix.masked(0));
  irqs.setIrqs(bind(2, a));
  t.false(msix.masked(2));
  t.is(software.sendSignal(2), 'delivered');
  irqs.setIrqs(bind(2, null));
  t.is(software.sendSignal(2), 'pending');
  t.is(a.read(), 1n, 'unbinding keeps an earlier signal in the eventfd');
  irqs.setIrqs(bind(2, b));
  t.deepEqual([a.read(), b.read()], [0n, 1n]);
});

test('one eventfd can be bound to several vectors, and disabling MSI-X unbinds all vectors', (t) => {
  const { msix, software, irqs } = device(4);
  const eventfd = createEventfd();
  irqs.setIrqs(bind(0, eventfd, eventfd, null, eventfd));
  software.sendSignals([0, 1, 3]);
  t.is(eventfd.read(), 3n);
  t.is(irqs.setIrqs(DISABLE), 0);
  t.false(msix.enabled);
  t.is(software.sendSignal(0), 'disabled');
  t.is(
    errno(() => irqs.setIrqs(DISABLE)),
    'EINVAL',
  );
});

test('loopback signals bound vectors, and is refused while MSI-X is disabled', (t) => {
  const { irqs } = device(4);
  const loop = (flags: number, more: Partial<IrqSet>): IrqSet => ({
    index: MSIX,
    flags: flags | TRIGGER,
    start: 0,
    count: 4,
    ...more,
  });
  t.is(
    errno(() => irqs.setIrqs(loop(NONE, {}))),
    'EINVAL',
  );
  const eventfds = [createEventfd(), createEventfd()] as const;
  irqs.setIrqs(bind(1, ...eventfds));
  irqs.setIrqs(loop(NONE, {}));
  irqs.setIrqs(loop(BOOL, { bools: [1, 0, 2, 1] }));
  t.deepEqual([eventfds[0].read(), eventfds[1].read()], [1n, 2n]);
});

test('if one bind of SET_IRQS fails, all vectors up to the failing vector are unbound', (t) => {
  const { msix, irqs } = device(4);
  const eventfds = [0, 1, 2, 3].map(() => createEventfd());
  const [a, b, c, d] = eventfds as [Eventfd, Eventfd, Eventfd, Eventfd];
  irqs.setIrqs(bind(0, a, b, c, d));
  t.is(
    errno(() => irqs.setIrqs(bind(0, b, 77, a, a))),
    'EBADF',
  );
  t.deepEqual(
    [0, 1, 2, 3].map((vector) => msix.masked(vector)),
    [true, true, false, false],
  );
  t.true(msix.enabled);
  irqs.setIrqs(DISABLE);
  t.is(
    errno(() => irqs.setIrqs(bind(0, a, 0))),
    'EINVAL',
  );
  t.false(msix.enabled, 'if a SET_IRQS call that enables MSI-X fails, MSI-X is disabled again');
});

test('SET_IRQS returns the number of available vectors if a source has too few vectors', (t) => {
  const msix = tableOf(8);
  msix.attach({
    name: 'short',
    count: 8,
    growable: false,
    connect: () => undefined,
    allocate: (count) => {
      if (count > 3) throw new VfioError({ code: 'ENOSPC', available: 3 });
    },
    request: () => undefined,
    hold: () => undefined,
    release: () => undefined,
    setCookie: () => undefined,
    disable: () => undefined,
  });
  const irqs = new VirtualIrqs(msix);
  const none = (n: number) => new Array<null>(n).fill(null);
  t.is(irqs.getIrqInfo(MSIX).flags, 9, 'NORESIZE');
  t.is(irqs.setIrqs(bind(0, ...none(8))), 3);
  t.false(msix.enabled);
  t.is(irqs.setIrqs(bind(0, ...none(3))), 0);
  t.is(irqs.setIrqs(bind(2, createEventfd())), 0);
  t.is(
    errno(() => irqs.setIrqs(bind(3, createEventfd()))),
    'EINVAL',
  );
});

/** A request that both devices receive. Each number stands for one eventfd of each device. */
interface Ask {
  readonly set: Omit<IrqSet, 'eventfds'>;
  readonly eventfds?: readonly (number | null)[] | undefined;
}

const small = fc.constantFrom(0, 1, 2, 3, 64, 65, 66, 0xffff_fffe, 0xffff_ffff);
const flags = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(BIND, NONE | TRIGGER, BOOL | TRIGGER) },
  { weight: 1, arbitrary: fc.nat(127) },
);
const ask: fc.Arbitrary<Ask> = fc.record({
  set: fc.record(
    {
      index: fc.oneof(
        { weight: 20, arbitrary: fc.constant(MSIX) },
        { weight: 1, arbitrary: fc.constantFrom(5, 6) },
      ),
      flags,
      start: fc.oneof({ weight: 3, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: small }),
      count: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: small }),
      bools: fc.array(fc.nat(2), { maxLength: 4 }),
      argsz: fc.constantFrom(0, 19, 20, 24, 28, 1000),
    },
    { requiredKeys: ['index', 'flags', 'start', 'count'] },
  ),
  // Numbers 0 to 3 name an eventfd; other numbers are passed as file descriptors.
  eventfds: fc.option(
    fc.array(fc.option(fc.constantFrom(0, 1, 2, 3, -1, -7, 99, 1000), { nil: null }), {
      maxLength: 5,
    }),
    { nil: undefined },
  ),
});

function send(
  setIrqs: (set: IrqSet) => number,
  { set, eventfds }: Ask,
  own: readonly Eventfd[],
): number | string {
  const values = eventfds?.map((value) => (value === null ? null : (own[value] ?? value)));
  try {
    return setIrqs({ ...set, ...(values === undefined ? {} : { eventfds: values }) });
  } catch (error) {
    if (error instanceof VfioError) return error.code;
    throw error;
  }
}

test('any SET_IRQS request has the same result as on the vfio-pci device of the mock', async (t) => {
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(ask, { maxLength: 30, size: 'max' }), async (asks) => {
      const connection = await openConnection('mock:nvme');
      const { irqs } = device(connection.getIrqInfo(MSIX).count);
      const theirs = [0, 1, 2, 3].map(() => createEventfd());
      const ours = [0, 1, 2, 3].map(() => createEventfd());
      try {
        for (const one of asks) {
          asked++;
          const expected = send((set) => connection.setIrqs(set), one, theirs);
          const got = send((set) => irqs.setIrqs(set), one, ours);
          const counts = [theirs, ours].map((fds) => fds.map((fd) => fd.read()).join());
          if (got !== expected || counts[0] !== counts[1]) {
            throw new Error(`${got} ${counts[1] ?? ''}, not ${expected} ${counts[0] ?? ''}`);
          }
        }
      } finally {
        connection.close();
      }
    }),
    { numRuns: FULL ? 3000 : 200 },
  );
  t.log(`${asked} requests`);
  t.true(asked > 1000);
});
