import test from 'ava';
import type { DeviceConnection, Eventfd } from '../../../../lib/contract/index.js';
import {
  VFIO_IRQ_SET_ACTION_MASK as MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER as TRIGGER,
  VFIO_IRQ_SET_ACTION_UNMASK as UNMASK,
  VFIO_IRQ_SET_DATA_BOOL as BOOL,
  VFIO_IRQ_SET_DATA_EVENTFD as EVENTFD,
  VFIO_IRQ_SET_DATA_NONE as NONE,
  VFIO_PCI_ERR_IRQ_INDEX as ERR,
  VFIO_PCI_INTX_IRQ_INDEX as INTX,
  VFIO_PCI_MSI_IRQ_INDEX as MSI,
  VFIO_PCI_MSIX_IRQ_INDEX as MSIX,
  VFIO_PCI_REQ_IRQ_INDEX as REQ,
} from '../../../../lib/contract/uapi.js';
import { bind, CONFIG, connect, fails, open, plainModel, trigger } from '../support.js';

function setPin(device: DeviceConnection, level: boolean): void {
  device.store(0, 4, 4, level ? 1 : 0);
}

function eventfds(device: DeviceConnection, n: number): Eventfd[] {
  return Array.from({ length: n }, () => device.createEventfd());
}

test('INTx: an interrupt masks the pin; unmasking an asserted pin signals again', (t) => {
  const device = connect(t, plainModel([]));
  const [a] = eventfds(device, 1);
  bind(device, INTX, 0, [a ?? null]);
  setPin(device, true);
  setPin(device, true);
  t.is(a?.read(), 1n);
  t.is(device.load(CONFIG, 6, 2) & 8, 8);
  device.setIrqs({ index: INTX, flags: UNMASK | NONE, start: 0, count: 1 });
  t.is(a?.read(), 1n);
  setPin(device, false);
  device.setIrqs({ index: INTX, flags: UNMASK | BOOL, start: 0, count: 1, bools: [1] });
  t.is(a?.read(), 0n);
  setPin(device, true);
  t.is(a?.read(), 1n);
});

test('INTx: the pin is not asserted while messages are enabled', (t) => {
  const device = connect(t, plainModel([{ name: 'msi', offset: 0x40, vectors: 1 }]));
  setPin(device, true);
  t.is(device.load(CONFIG, 6, 2) & 8, 8);
  bind(device, MSI, 0, [null]);
  t.is(device.load(CONFIG, 6, 2) & 8, 0);
});

test('INTx: while the user has masked the pin, an interrupt stays pending', (t) => {
  const device = connect(t, plainModel([]));
  const [a] = eventfds(device, 1);
  bind(device, INTX, 0, [a ?? null]);
  const mask = { index: INTX, flags: MASK | NONE, start: 0, count: 1 };
  device.setIrqs(mask);
  device.setIrqs(mask);
  device.setIrqs({ ...mask, flags: UNMASK | BOOL, bools: [0] });
  setPin(device, true);
  t.is(a?.read(), 0n);
  device.setIrqs({ ...mask, flags: UNMASK | NONE });
  t.is(a?.read(), 1n);
});

test('INTx: bit 10 of the command register masks the pin and loopback interrupts', (t) => {
  const device = connect(t, plainModel([]));
  const [a] = eventfds(device, 1);
  bind(device, INTX, 0, [a ?? null]);
  device.store(CONFIG, 4, 2, 0x0402);
  setPin(device, true);
  trigger(device, INTX, 0, 1);
  device.setIrqs({ index: INTX, flags: UNMASK | NONE, start: 0, count: 1 });
  t.is(a?.read(), 0n);
  device.store(CONFIG, 5, 1, 0);
  t.is(a?.read(), 1n);
  trigger(device, INTX, 0, 1);
  t.is(a?.read(), 1n);
});

test('INTx: enabling with an asserted pin signals the eventfd unless bit 10 is set', (t) => {
  const device = connect(t, plainModel([]));
  const [a] = eventfds(device, 1);
  setPin(device, true);
  bind(device, INTX, 0, [a ?? null]);
  t.is(a?.read(), 1n);
  trigger(device, INTX, 0, 0);
  device.store(CONFIG, 4, 2, 0x0402);
  bind(device, INTX, 0, [a ?? null]);
  t.is(a?.read(), 0n);
});

test('INTx: a signal to the resample eventfd unmasks the pin and resets the counter', (t) => {
  const device = connect(t, plainModel([]));
  const [a, resample, other] = eventfds(device, 3);
  bind(device, INTX, 0, [a ?? null]);
  const set = (eventfd: Eventfd | null | number) =>
    device.setIrqs({
      index: INTX,
      flags: UNMASK | EVENTFD,
      start: 0,
      count: 1,
      eventfds: [eventfd],
    });
  set(resample ?? null);
  fails(t, 'EBUSY', () => set(other ?? null));
  setPin(device, true);
  t.is(a?.read(), 1n);
  resample?.signal(3n);
  t.is(resample?.read(), 0n);
  t.is(a?.read(), 1n);
  setPin(device, false);
  resample?.signal();
  setPin(device, true);
  t.is(a?.read(), 1n);
  t.is(set(null), 0);
  t.is(set(-5), 0);
  resample?.signal();
  t.is(resample?.read(), 1n);
  t.is(a?.read(), 0n);
  // A bind of a resample eventfd with a counter above 0 unmasks the pin at once. The counter stays.
  other?.signal(2n);
  set(other ?? null);
  t.is(a?.read(), 1n);
  t.is(other?.read(), 2n);
  other?.close();
  t.is(set(resample ?? null), 0);
  fails(t, 'EBADF', () => {
    trigger(device, INTX, 0, 0);
    bind(device, INTX, 0, [null]);
    set(55);
  });
});

test('INTx: wrong requests fail with the kernel’s errors', (t) => {
  const device = connect(t, plainModel([]));
  const base = { index: INTX, start: 0, count: 1 };
  fails(t, 'EINVAL', () => trigger(device, INTX, 0, 0));
  fails(t, 'EINVAL', () => trigger(device, INTX, 0, 1));
  fails(t, 'EINVAL', () => device.setIrqs({ ...base, flags: MASK | NONE }));
  fails(t, 'EINVAL', () => device.setIrqs({ ...base, flags: MASK | EVENTFD, eventfds: [null] }));
  fails(t, 'EBADF', () => bind(device, INTX, 0, [9]));
  t.is(bind(device, INTX, 0, [null]), 0);
  fails(t, 'ENOTTY', () => device.setIrqs({ ...base, flags: MASK | EVENTFD, eventfds: [null] }));
  fails(t, 'EINVAL', () => device.setIrqs({ ...base, count: 0, flags: UNMASK | NONE }));
  fails(t, 'EINVAL', () => device.setIrqs({ ...base, count: 0, flags: TRIGGER | BOOL }));
  const [a] = eventfds(device, 1);
  t.is(bind(device, INTX, 0, [a ?? null]), 0);
  fails(t, 'EBADF', () => bind(device, INTX, 0, [9]));
  trigger(device, INTX, 0, 1);
  t.is(a?.read(), 1n);
});

test('ERR and REQ accept one eventfd each, and can be active together with any other index', (t) => {
  const device = open(t, 'mock:nvme');
  bind(device, MSIX, 0, [null]);
  for (const index of [ERR, REQ]) {
    const [a, b] = eventfds(device, 2);
    fails(t, 'EINVAL', () => trigger(device, index, 0, 1));
    fails(t, 'EINVAL', () => trigger(device, index, 0, 0));
    t.is(device.setIrqs({ index, flags: TRIGGER | BOOL, start: 0, count: 1, bools: [1] }), 0);
    t.is(bind(device, index, 0, [a ?? null]), 0);
    trigger(device, index, 0, 1);
    device.setIrqs({ index, flags: TRIGGER | BOOL, start: 0, count: 1, bools: [1] });
    t.is(a?.read(), 2n);
    fails(t, 'EBADF', () => bind(device, index, 0, [44]));
    fails(t, 'EINVAL', () => bind(device, index, 0, [-2]));
    fails(t, 'EINVAL', () => bind(device, index, 0, []));
    fails(t, 'EINVAL', () => device.setIrqs({ index, flags: TRIGGER | BOOL, start: 0, count: 0 }));
    t.is(bind(device, index, 0, [b ?? null]), 0);
    trigger(device, index, 0, 1);
    t.deepEqual([a?.read(), b?.read()], [0n, 1n]);
    t.is(bind(device, index, 0, [null]), 0);
    t.is(bind(device, index, 0, [-1]), 0);
    bind(device, index, 0, [b ?? null]);
    t.is(trigger(device, index, 0, 0), 0);
    fails(t, 'EINVAL', () => trigger(device, index, 0, 0));
  }
  fails(t, 'EINVAL', () => bind(open(t, 'mock:edu'), ERR, 0, [null]));
});
