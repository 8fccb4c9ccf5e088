import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { Budget, createEventfd, ImsSource, PasidMap, VfioError } from 'vfio/mock';
import { dsa } from '../ims/bench.js';
import { ENABLE, Guest, tableOf } from '../msix/guest.js';
import { DEFAULT, refuses, virtual } from './virtual-ims.js';

test('PASIDs count in the budget of the guest', (t) => {
  const budget = new Budget({ quota: { pasids: 3 } });
  const [one, two] = [budget.account('one'), budget.account('two')];
  const { domain } = dsa(8);
  const [pasids, others] = [new PasidMap(1), new PasidMap(2)];
  const source = new ImsSource(domain, { count: 2, pasids, account: one });
  new ImsSource(domain, { count: 2, pasids: others, account: two });
  t.is(one.usage.pasids, 1, 'the default PASID');
  pasids.bind(5, 50);
  source.setCookie(0, 50);
  t.is(one.usage.pasids, 2, 'a cookie that is bound already is charged once');
  source.setCookie(1, 60);
  refuses(t, 'ENOSPC', () => {
    pasids.bind(6, 61);
  });
  t.is(pasids.lookup(6), undefined);
  refuses(t, 'ENOSPC', () => {
    source.setCookie(0, 62);
  });
  others.bind(6, 61);
  t.deepEqual([one.usage.pasids, two.usage.pasids], [3, 2]);
  source.setCookie(1, 1);
  pasids.bind(6, 63);
  pasids.unbind(5);
  t.is(one.usage.pasids, 2);
  source.close();
  t.deepEqual(one.usage, { slots: 0, vectors: 0, pasids: 0 });
  const many = new PasidMap(3);
  for (const guest of [1, 2, 3]) many.bind(guest, 70 + guest);
  refuses(t, 'ENOSPC', () => new ImsSource(domain, { count: 1, pasids: many, account: one }));
  t.is(one.usage.pasids, 0, 'a refused source is not charged');
});

test('a vector whose request fails for a quota frees its slot for other owners', (t) => {
  const budget = new Budget({ quota: { vectors: 1 } });
  const { domain } = dsa(3);
  const account = budget.account('a');
  const source = new ImsSource(domain, { count: 3, pasids: new PasidMap(1), account });
  source.request(1, createEventfd());
  for (const vector of [0, 2]) {
    refuses(t, 'ENOSPC', () => {
      source.request(vector, createEventfd());
    });
    t.is(source.slotOf(vector), undefined);
  }
  t.deepEqual(account.usage, { slots: 1, vectors: 1, pasids: 1 });
  t.is(domain.used, 1);
  const other = new ImsSource(domain, { count: 2, pasids: new PasidMap(2) });
  for (const vector of [0, 1]) other.request(vector, createEventfd());
  t.is(domain.used, 3);
});

test('a slot that was allocated when MSI-X was enabled is kept, because its handle is known', (t) => {
  const account = new Budget({ quota: { vectors: 1 } }).account('a');
  const { domain, device } = dsa(3);
  const source = new ImsSource(domain, { count: 2, pasids: new PasidMap(DEFAULT), account });
  const msix = tableOf(2);
  msix.attach(source, { flow: 'upfront' });
  const guest = new Guest(msix);
  guest.control(ENABLE);
  const handle = source.slotOf(1)?.handle;
  guest.unmask(0);
  guest.unmask(1);
  t.is(msix.state(1), 'failed');
  t.is(source.slotOf(1)?.handle, handle);
  device.complete(handle ?? -1, DEFAULT);
  source.release(0);
  guest.unmask(1);
  t.is(guest.taken(1), 1, 'the interrupt is held in the slot until a host vector is available');
});

test('if the host has no vector left, vectors of the same source share a vector', async (t) => {
  const bench = dsa(8, {}, 2);
  const options = { count: 3, onExhausted: 'share' } as const;
  const source = new ImsSource(bench.domain, { ...options, pasids: new PasidMap(DEFAULT) });
  const msix = tableOf(3);
  msix.attach(source);
  const guest = new Guest(msix);
  guest.control(ENABLE);
  guest.unmask(0);
  const other = new ImsSource(bench.domain, { ...options, pasids: new PasidMap(DEFAULT + 1) });
  other.request(0, createEventfd());
  for (const vector of [1, 2]) guest.unmask(vector);
  t.is(bench.host.used, 2);
  const [a, b, c] = [0, 1, 2].map((vector) => source.slotOf(vector));
  t.is(a?.vector, b?.vector);
  t.is(a?.vector, c?.vector);
  t.not(a?.vector, other.slotOf(0)?.vector, 'no vector is shared with another guest');
  bench.device.complete(b?.index ?? -1, DEFAULT);
  await turn();
  t.deepEqual(
    [0, 1, 2].map((vector) => guest.taken(vector)),
    [1, 1, 1],
    'each vector that possibly fired is reported',
  );
  source.close();
  const third = new ImsSource(bench.domain, { ...options, pasids: new PasidMap(DEFAULT + 2) });
  third.request(0, createEventfd());
  const last = new ImsSource(bench.domain, { ...options, pasids: new PasidMap(DEFAULT + 3) });
  refuses(t, 'ENOSPC', () => {
    last.request(0, createEventfd());
  });
});

test('if the quota of host vectors is used up, a source can share its host vectors', (t) => {
  const account = new Budget({ quota: { vectors: 1 } }).account('a');
  const { guest, failed, host } = virtual(2, { account, onExhausted: 'share' });
  guest.control(ENABLE);
  for (const vector of [0, 1]) guest.unmask(vector);
  t.deepEqual(failed, []);
  t.is(host.used, 1);
  t.deepEqual(account.usage, { slots: 2, vectors: 1, pasids: 1 });
});

test('only ENOSPC makes vectors share a host vector', (t) => {
  const bench = dsa(4);
  const source = new ImsSource(bench.domain, { count: 2, onExhausted: 'share' });
  source.request(0, createEventfd());
  bench.host.allocate = () => {
    throw new VfioError({ code: 'EIO' });
  };
  refuses(t, 'EIO', () => {
    source.request(1, createEventfd());
  });
});
