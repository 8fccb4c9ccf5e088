import test from 'ava';
import { type Cookie, ImsSource, MsixPerm, PasidMap, VfioError } from 'vfio/mock';
import { dsa } from '../ims/bench.js';
import { ENABLE, Guest, tableOf } from '../msix/guest.js';
import { DEFAULT, refuses, sva, uniqueHandles, virtual } from './virtual-ims.js';

test('a write to MSIX_PERM sets the host PASID in the slot of an allocated vector', (t) => {
  const { pasids, msix, guest, source, device, complete } = virtual(2);
  const perm = new MsixPerm({ vectors: 2, pasids, target: msix });
  guest.control(ENABLE);
  guest.unmask(0);
  guest.unmask(1);
  pasids.bind(5, 50);
  perm.write(8, 4, sva(5));
  t.is(device.pasid(source.slotOf(1)?.index ?? -1), 50);
  t.is(device.pasid(source.slotOf(0)?.index ?? -1), DEFAULT);
  t.true(complete(1, 50));
  t.false(complete(1, 5));
  t.is(guest.taken(1), 1);
});

test('unbinding a PASID silences its slots and replaces their handles', (t) => {
  const { handles, released, slotOf } = uniqueHandles();
  const setup = virtual(3, {}, { handles });
  const { domain, pasids, msix, guest, source, device, failed } = setup;
  const perm = new MsixPerm({ vectors: 3, pasids, target: msix });
  const events: [string, Cookie, number[]][] = [];
  for (const name of ['revoked', 'revived'] as const) {
    domain.on(name, (cookie, slots) => {
      events.push([name, cookie, slots.map(({ index }) => index)]);
    });
  }
  pasids.bind(5, 50);
  guest.control(ENABLE);
  for (const vector of [0, 1, 2]) guest.unmask(vector);
  for (const vector of [1, 2]) perm.write(8 * vector, 4, sva(5));
  guest.mask(2);
  const handle = (vector: number) => source.slotOf(vector)?.handle ?? -1;
  const old = [1, 2].map(handle);
  device.complete(slotOf(handle(2)), 50);
  t.is(msix.pbaRead(0, 4), 4);
  const slots = [1, 2].map((vector) => source.slotOf(vector)?.index ?? -1);
  pasids.unbind(5);
  t.deepEqual(events.splice(0), [['revoked', 50, slots]]);
  t.deepEqual(released, old);
  const fresh = [1, 2].map(handle);
  t.true(fresh.every((one) => one > Math.max(...old)));
  t.deepEqual(
    [1, 2].map((vector) => source.slotOf(vector)?.silent),
    [true, true],
  );
  t.is(msix.pbaRead(0, 4), 0);
  for (const slot of slots) for (const pasid of [50, DEFAULT]) device.complete(slot, pasid);
  guest.unmask(2);
  t.deepEqual(failed, []);
  t.deepEqual([guest.taken(1), guest.taken(2)], [0, 0]);
  device.complete(slotOf(handle(0)), DEFAULT);
  t.is(guest.taken(0), 1, 'other vectors are not affected');
  pasids.bind(5, 51);
  t.deepEqual(
    events,
    slots.map((slot) => ['revived', 51, [slot]]),
  );
  t.deepEqual([1, 2].map(handle), fresh, 'the new handle stays valid');
  t.deepEqual([guest.taken(1), guest.taken(2)], [0, 0], 'void interrupts are dropped');
  for (const vector of [1, 2]) t.true(device.complete(slotOf(handle(vector)), 51));
  t.deepEqual([guest.taken(1), guest.taken(2)], [1, 1]);
});

test('if the device refuses a new handle, a revoke still silences all slots', (t) => {
  const { handles } = uniqueHandles();
  let refuse = false;
  const request = (index: number) => {
    if (refuse) throw new VfioError({ code: 'EIO' });
    return handles.request(index);
  };
  const { domain, pasids, msix, guest, source } = virtual(
    2,
    {},
    { handles: { ...handles, request } },
  );
  const failed: unknown[] = [];
  domain.on('failed', ({ code }, { index }) => failed.push([code, index]));
  pasids.bind(5, 50);
  guest.control(ENABLE);
  for (const vector of [0, 1]) {
    guest.unmask(vector);
    msix.setCookie(vector, 50);
  }
  refuse = true;
  pasids.unbind(5);
  t.deepEqual(failed, [
    ['EIO', 0],
    ['EIO', 1],
  ]);
  const slots = [0, 1].map((vector) => source.slotOf(vector));
  t.deepEqual(
    slots.map((slot) => [slot?.silent, slot?.handle]),
    [
      [true, null],
      [true, null],
    ],
  );
  refuses(t, 'EIO', () => {
    msix.setCookie(0, 51);
  });
  t.true(slots[0]?.silent);
  refuse = false;
  msix.setCookie(0, 51);
  t.true(slots[0]?.live);
  t.not(slots[0]?.handle, null);
});

test('if a PASID is unbound before its vector is allocated, the vector is silent', (t) => {
  const { pasids, msix, guest, failed, source, complete } = virtual(2);
  pasids.bind(5, 50);
  msix.setCookie(1, 50);
  pasids.unbind(5);
  guest.control(ENABLE);
  guest.unmask(1);
  t.deepEqual(failed, []);
  t.is(msix.state(1), 'requested');
  t.true(source.slotOf(1)?.silent);
  complete(1, DEFAULT);
  t.is(guest.taken(1), 0);
  msix.setCookie(1, 51);
  t.is(guest.taken(1), 0);
  t.true(complete(1, 51));
  t.is(guest.taken(1), 1);
});

test('a vector is silent while MSIX_PERM names an unbound PASID, and keeps its handle', (t) => {
  const { handles, released } = uniqueHandles();
  const { pasids, msix, guest, source, device, domain } = virtual(2, {}, { handles });
  const perm = new MsixPerm({ vectors: 2, pasids, target: msix });
  const revived: number[] = [];
  domain.on('revived', (_cookie, slots) => revived.push(...slots.map(({ index }) => index)));
  guest.control(ENABLE);
  for (const vector of [0, 1]) guest.unmask(vector);
  const slot = source.slotOf(1);
  const [index, handle] = [slot?.index ?? -1, slot?.handle];
  guest.mask(1);
  device.complete(index, DEFAULT);
  perm.write(8, 4, sva(6));
  t.true(perm.stale(1));
  t.true(slot?.silent);
  t.is(msix.pbaRead(0, 4), 2, 'an interrupt from before the write stays pending');
  device.complete(index, DEFAULT);
  guest.unmask(1);
  t.is(guest.taken(1), 1, 'only the interrupt from before the write is delivered');
  for (let n = 0; n < 3; n++) device.complete(index, DEFAULT);
  t.is(msix.pbaRead(0, 4), 0);
  pasids.bind(6, 60);
  t.false(perm.stale(1));
  t.deepEqual(revived, [index]);
  t.is(guest.taken(1), 0, 'what the default PASID raised meanwhile is dropped');
  t.is(source.slotOf(1)?.handle, handle);
  t.deepEqual(released, []);
  t.true(device.complete(index, 60));
  t.false(device.complete(index, DEFAULT));
  t.is(guest.taken(1), 1);
});

test('a void interrupt is dropped at the bind even if the vector has no host vector', (t) => {
  const { domain, host, device } = dsa(4);
  const pasids = new PasidMap(DEFAULT);
  const source = new ImsSource(domain, { count: 2, pasids });
  const msix = tableOf(2);
  msix.attach(source, { flow: 'upfront' });
  const guest = new Guest(msix);
  const perm = new MsixPerm({ vectors: 2, pasids, target: msix });
  guest.control(ENABLE);
  perm.write(8, 4, sva(6));
  const slot = source.slotOf(1)?.index ?? -1;
  device.complete(slot, DEFAULT);
  pasids.bind(6, 60);
  t.is(host.used, 0, 'the host vector for the void interrupt is free again');
  t.is(msix.pbaRead(0, 4), 0);
  device.complete(slot, 60);
  t.is(msix.pbaRead(0, 4), 2);
  guest.unmask(1);
  t.is(guest.taken(1), 1);
});

test('MSIX_PERM entries that were written before a source is attached are applied then', (t) => {
  const { domain } = dsa(4);
  const pasids = new PasidMap(DEFAULT);
  const msix = tableOf(3);
  const guest = new Guest(msix);
  const perm = new MsixPerm({ vectors: 3, pasids, target: msix });
  const refused: [number, string][] = [];
  perm.on('refused', (vector, { code }) => refused.push([vector, code]));
  pasids.bind(5, 50);
  perm.write(0, 4, sva(5));
  perm.write(8, 4, sva(6));
  t.deepEqual(refused, [
    [0, 'EINVAL'],
    [1, 'EINVAL'],
  ]);
  guest.control(ENABLE);
  for (const vector of [0, 1, 2]) guest.unmask(vector);
  const live: (Cookie | undefined)[] = [];
  const source = new ImsSource(domain, { count: 3, pasids });
  msix.on('attached', () => {
    for (const vector of [0, 1, 2]) live.push(source.slotOf(vector)?.cookie);
  });
  msix.attach(source);
  t.deepEqual(
    live,
    [undefined, undefined, undefined],
    'no vector is allocated before its entry is applied',
  );
  t.deepEqual(
    [0, 1, 2].map((vector) => perm.stale(vector)),
    [false, true, false],
  );
  const slots = [0, 1, 2].map((vector) => source.slotOf(vector));
  t.deepEqual(
    slots.map((slot) => [slot?.cookie, slot?.live]),
    [
      [50, true],
      [DEFAULT, false],
      [DEFAULT, true],
    ],
  );
  pasids.bind(6, 60);
  t.is(slots[1]?.cookie, 60);
  t.true(slots[1]?.live);
});
