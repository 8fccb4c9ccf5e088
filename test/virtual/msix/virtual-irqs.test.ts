import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import {
  createEventfd,
  type Eventfd,
  type IrqSet,
  openConnection,
  SoftwareSource,
  VfioError,
  VirtualIntx,
  VirtualIrqs,
  VirtualMsi,
  VirtualReq,
} from 'vfio/mock';
import { tableOf } from './guest.js';

const INTX = 0;
const MSI = 1;
const MSIX = 2;
const REQ = 4;
const NONE = 1;
const BOOL = 2;
const EVENTFD = 4;
const MASK = 8;
const UNMASK = 16;
const TRIGGER = 32;
const BIND = EVENTFD | TRIGGER;

function device(vectors: number) {
  const msix = tableOf(vectors);
  const software = new SoftwareSource(msix);
  software.emulate(0, vectors);
  return { msix, software, irqs: new VirtualIrqs(msix) };
}

function bind(start: number, ...eventfds: (Eventfd | null | number)[]): IrqSet {
  return bindOf(MSIX, start, ...eventfds);
}

function bindOf(index: number, start: number, ...eventfds: (Eventfd | null | number)[]): IrqSet {
  return { index, flags: BIND, start, count: eventfds.length, eventfds };
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

test('GET_IRQ_INFO of a lone VirtualMsix reports resizable MSI-X and the index REQ', (t) => {
  const { irqs } = device(8);
  t.deepEqual(irqs.getIrqInfo(MSIX), { index: MSIX, flags: 1, count: 8 });
  t.deepEqual(irqs.getIrqInfo(INTX), { index: INTX, flags: 7, count: 0 });
  t.deepEqual(irqs.getIrqInfo(MSI), { index: MSI, flags: 9, count: 0 });
  t.deepEqual(irqs.getIrqInfo(REQ), { index: REQ, flags: 9, count: 1 });
  for (const index of [3, 5, 0xffff_ffff]) {
    t.is(
      errno(() => irqs.getIrqInfo(index)),
      'EINVAL',
    );
  }
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

/** A virtual device with all interrupts. */
async function fullDevice() {
  const connection = await openConnection('mock:nvme');
  const intx = new VirtualIntx(connection);
  const req = new VirtualReq();
  const msi = new VirtualMsi({ vectors: 8, maskable: true });
  const software = new SoftwareSource(msi);
  software.emulate(0, 8);
  const { msix } = device(4);
  return { intx, req, msi, msix, software, irqs: new VirtualIrqs({ intx, msi, msix, req }) };
}

test('MSI never grows: a vector beyond the enabled vectors is EINVAL', async (t) => {
  const { irqs, msi, software } = await fullDevice();
  const [a, b] = [createEventfd(), createEventfd()];
  t.deepEqual(irqs.getIrqInfo(MSI), { index: MSI, flags: 9, count: 8 });
  t.is(irqs.setIrqs(bindOf(MSI, 0, a, null, b)), 0);
  t.true(msi.enabled);
  t.is(software.sendSignal(0), 'delivered');
  t.is(software.sendSignal(1), 'pending', 'an unbound vector holds its interrupts');
  t.throws(() => software.sendSignal(3), { instanceOf: VfioError, code: 'EINVAL' });
  t.is(
    errno(() => irqs.setIrqs(bindOf(MSI, 2, b, a))),
    'EINVAL',
  );
  t.is(software.sendSignal(2), 'pending', 'the failed call has unbound vector 2');
  irqs.setIrqs(bindOf(MSI, 1, b));
  t.deepEqual([a.read(), b.read()], [1n, 1n]);
});

test('MSI beside MSI-X or INTx is refused with EINVAL until the active index is disabled', async (t) => {
  const { irqs } = await fullDevice();
  const eventfd = createEventfd();
  const order = [INTX, MSI, MSIX];
  for (const active of order) {
    t.is(irqs.setIrqs(bindOf(active, 0, eventfd)), 0);
    for (const other of order.filter((index) => index !== active)) {
      t.is(
        errno(() => irqs.setIrqs(bindOf(other, 0, eventfd))),
        'EINVAL',
        `${other} beside ${active}`,
      );
    }
    t.is(irqs.setIrqs({ ...DISABLE, index: active }), 0);
  }
});

test('a config write changes neither Enable nor Function Mask; MSI keeps its message', async (t) => {
  const { irqs, msi, msix, software } = await fullDevice();
  irqs.configWrite('msi', 2, 2, 0x0031);
  irqs.configWrite('msi', 4, 4, 0xfee0_1000);
  irqs.configWrite('msi', 12, 2, 0x4040);
  irqs.configWrite('msix', 2, 2, 0xc000);
  t.false(msi.enabled || msix.enabled);
  t.is(irqs.configRead('msi', 2, 1), 0xb6);
  t.deepEqual(msi.guestMessage, { address: 0xfee0_1000n, data: 0x4040, vectors: 0 });
  const eventfd = createEventfd();
  irqs.setIrqs(bindOf(MSI, 0, ...new Array<Eventfd>(8).fill(eventfd)));
  t.is(msi.guestMessage.vectors, 8);
  t.is(irqs.configRead('msi', 2, 1), 0xb7);
  irqs.configWrite('msi', 2, 2, 0);
  t.is(software.sendSignal(7), 'delivered');
  irqs.configWrite('msi', 16, 4, 0x80);
  t.is(software.sendSignal(7), 'pending');
  t.is(irqs.configRead('msi', 20, 4), 0x80);
  irqs.configWrite('msi', 16, 4, 0);
  t.is(eventfd.read(), 2n);
  irqs.setIrqs({ ...DISABLE, index: MSI });
  irqs.setIrqs(bind(0, eventfd));
  irqs.configWrite('msix', 2, 2, 0x4000);
  t.is(irqs.configRead('msix', 2, 2), 0x8003);
  t.is(irqs.pbaRead(0, 8), 0n);
});

test('a guest cannot unmask a vector that has no eventfd', async (t) => {
  const { irqs, software } = await fullDevice();
  irqs.setIrqs(bindOf(MSI, 0, null, null));
  irqs.configWrite('msi', 16, 4, 0);
  t.is(software.sendSignal(1), 'pending');
  const eventfd = createEventfd();
  irqs.setIrqs(bindOf(MSI, 1, eventfd));
  t.is(eventfd.read(), 1n);
});

test('a capability that the device lacks is ENOENT', (t) => {
  const msi = new VirtualMsi({ vectors: 1 });
  const irqs = new VirtualIrqs({ msi });
  for (const call of [
    () => irqs.configRead('msix', 0, 4),
    () => {
      irqs.configWrite('msix', 0, 4, 0);
    },
    () => irqs.pbaRead(0, 4),
  ]) {
    t.is(errno(call), 'ENOENT');
  }
  t.throws(() => irqs.configRead('intx' as never, 0, 4), { instanceOf: TypeError });
});

test('INTx: the asserted line signals once until the unmask', async (t) => {
  const { irqs, intx } = await fullDevice();
  const eventfd = createEventfd();
  const set = (flags: number, more: Partial<IrqSet> = {}) =>
    irqs.setIrqs({ index: INTX, flags, start: 0, count: 1, ...more });
  t.deepEqual(irqs.getIrqInfo(INTX), { index: INTX, flags: 7, count: 1 });
  intx.assert();
  irqs.setIrqs(bindOf(INTX, 0, eventfd));
  t.is(eventfd.read(), 1n, 'the line was asserted already');
  intx.assert();
  t.is(eventfd.read(), 0n);
  set(UNMASK | NONE);
  t.is(eventfd.read(), 1n, 'the line is still asserted');
  intx.deassert();
  set(UNMASK | NONE);
  intx.assert();
  t.is(eventfd.read(), 1n);
  intx.deassert();
  set(UNMASK | NONE);
  set(MASK | BOOL, { bools: [1] });
  intx.assert();
  t.is(eventfd.read(), 0n);
  intx.setDisabled(true);
  set(UNMASK | NONE);
  t.is(eventfd.read(), 0n);
  intx.setDisabled(false);
  t.is(eventfd.read(), 1n);
});

test('INTx: a signal of the resample eventfd unmasks the line', async (t) => {
  const { irqs, intx } = await fullDevice();
  const [eventfd, resample, other] = [createEventfd(), createEventfd(), createEventfd()] as const;
  const set = (value: Eventfd | null) =>
    irqs.setIrqs({ ...bindOf(INTX, 0, value), flags: UNMASK | EVENTFD });
  irqs.setIrqs(bindOf(INTX, 0, eventfd));
  set(resample);
  t.is(
    errno(() => set(other)),
    'EBUSY',
  );
  intx.assert();
  t.is(eventfd.read(), 1n);
  resample.signal(3n);
  await turn();
  await turn();
  t.deepEqual([eventfd.read(), resample.read()], [1n, 0n]);
  resample.close();
  t.is(set(other), 0, 'a closed eventfd is no longer bound');
  intx.deassert();
  other.signal();
  await turn();
  await turn();
  intx.assert();
  t.is(eventfd.read(), 1n);
  set(null);
  other.signal();
  await turn();
  t.is(other.read(), 1n);
  other.signal();
  set(other);
  t.is(eventfd.read(), 1n, 'a signal before the bind counts');
});

test('requestDevice() signals the eventfd of the REQ index', async (t) => {
  const { irqs, req } = await fullDevice();
  t.false(req.requestDevice());
  const eventfd = createEventfd();
  irqs.setIrqs(bindOf(REQ, 0, eventfd));
  t.true(req.requestDevice());
  t.is(eventfd.read(), 1n);
});

test('reset() unbinds every index and clears what a guest has written', async (t) => {
  const { irqs, intx, req, msi, msix, software } = await fullDevice();
  const [eventfd, requested] = [createEventfd(), createEventfd()];
  for (const index of [INTX, MSIX, MSI]) {
    irqs.configWrite('msi', 2, 2, 0x0031);
    irqs.configWrite('msi', 4, 4, 0xfee0_1000);
    irqs.configWrite('msi', 16, 4, 0x80);
    intx.setDisabled(true);
    irqs.setIrqs(bindOf(REQ, 0, requested));
    irqs.setIrqs(bindOf(index, 0, null, ...(index === INTX ? [] : [eventfd])));
    if (index === MSI) t.is(software.sendSignal(0), 'pending');
    irqs.reset();
    t.false(msi.enabled || msix.enabled || intx.disabled || req.requestDevice());
    t.is(irqs.configRead('msi', 2, 1), 0x86);
    t.deepEqual(
      [4, 8, 12, 16, 20].map((offset) => irqs.configRead('msi', offset, 4)),
      [0, 0, 0, 0, 0],
    );
    t.deepEqual(msi.guestMessage, { address: 0n, data: 0, vectors: 0 });
  }
  t.is(irqs.setIrqs(bindOf(MSI, 0, eventfd)), 0, 'no other index is active');
  t.is(eventfd.read(), 0n, 'the pending interrupt is gone');
});

test('options of a wrong type throw a TypeError', (t) => {
  const { msix } = device(1);
  const msi = new VirtualMsi({ vectors: 1 });
  for (const wrong of [null, 5, msi, { msxi: msix }, { msix: msi }, { msi: {} }, { req: true }]) {
    t.throws(() => new VirtualIrqs(wrong as never), { instanceOf: TypeError });
  }
  for (const wrong of [undefined, {}, { createEventSet: 5 }]) {
    t.throws(() => new VirtualIntx(wrong as never), { instanceOf: TypeError });
  }
});
