// SET_IRQS with file descriptor -1 on a vector of an interrupt message store.
import test from 'ava';
import {
  Budget,
  createEventfd,
  type Eventfd,
  ImsSource,
  PasidMap,
  VfioError,
  VirtualIrqs,
} from 'vfio/mock';
import { dsa } from '../ims/bench.js';
import { tableOf } from './guest.js';

const MSIX = 2;
const PASID = 100;

function device(quota: { slots?: number; vectors?: number }) {
  const { domain, device: ims, host } = dsa(8);
  const budget = new Budget({ quota });
  const account = budget.account('guest');
  const source = new ImsSource(domain, { count: 4, pasids: new PasidMap(PASID), account });
  const msix = tableOf(4);
  msix.attach(source);
  const irqs = new VirtualIrqs(msix);
  const bind = (start: number, ...eventfds: (Eventfd | null)[]) =>
    irqs.setIrqs({ index: MSIX, flags: 0x24, start, count: eventfds.length, eventfds });
  const disable = () => irqs.setIrqs({ index: MSIX, flags: 0x21, start: 0, count: 0 });
  return { ims, host, account, source, msix, bind, disable };
}

test('to unbind a vector frees its host vector, and keeps its slot, handle and cookie', (t) => {
  const { ims, host, account, source, msix, bind, disable } = device({});
  const [a, b] = [createEventfd(), createEventfd()] as const;
  bind(0, a, a);
  const slot = source.slotOf(1);
  const handle = slot?.handle ?? -1;
  t.like(account.usage, { slots: 2, vectors: 2 });
  t.is(host.used, 2);

  bind(1, null);
  t.like(account.usage, { slots: 2, vectors: 1 });
  t.is(host.used, 1);
  t.is(source.slotOf(1), slot);
  t.is(slot?.handle, handle);
  t.is(ims.pasid(slot?.index ?? -1), PASID);

  ims.complete(handle, PASID);
  ims.complete(handle, PASID);
  t.true(msix.pending(1), 'the slot holds the interrupt');
  t.deepEqual([a.read(), b.read(), host.blocked], [0n, 0n, 0]);
  bind(1, b);
  t.is(b.read(), 1n, 'the pending interrupt is delivered once');
  t.is(source.slotOf(1)?.handle, handle);
  t.like(account.usage, { slots: 2, vectors: 2 });

  disable();
  t.like(account.usage, { slots: 0, vectors: 0 });
  t.is(source.slotOf(1), undefined);
  t.is(host.used, 0);
});

test('an unbound vector frees its place in the quota of vectors, but not in the quota of slots', (t) => {
  const eventfd = createEventfd();
  const { bind: bindVectors } = device({ vectors: 1 });
  bindVectors(0, eventfd);
  t.throws(() => bindVectors(1, eventfd), { instanceOf: VfioError, code: 'ENOSPC' });
  bindVectors(0, null);
  t.is(bindVectors(1, eventfd), 0);

  const { bind: bindSlots, disable } = device({ slots: 1 });
  bindSlots(0, eventfd);
  bindSlots(0, null);
  t.throws(() => bindSlots(1, eventfd), { instanceOf: VfioError, code: 'ENOSPC' });
  disable();
  t.throws(() => bindSlots(1, eventfd), { instanceOf: VfioError, code: 'ENOSPC' }, 'slot 0 too');
});
