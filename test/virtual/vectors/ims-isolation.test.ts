import test from 'ava';
import {
  type Cookie,
  createEventfd,
  ImsDomain,
  ImsSource,
  memoryStorage,
  PasidMap,
} from 'vfio/mock';
import { dsa } from '../ims/bench.js';
import { ENABLE, Guest, tableOf } from '../msix/guest.js';
import { refuses, virtual } from './virtual-ims.js';

/** A domain, and a function that adds a guest with two vectors to the domain. */
function shared() {
  const bench = dsa(16);
  const { domain } = bench;
  const add = (pasids: PasidMap, count = 2) => {
    const source = new ImsSource(domain, { count, pasids });
    const msix = tableOf(count);
    msix.attach(source);
    const guest = new Guest(msix);
    const start = () => {
      guest.control(ENABLE);
      for (let vector = 0; vector < count; vector++) guest.unmask(vector);
    };
    return { source, msix, guest, pasids, start };
  };
  return { ...bench, add };
}

test('a host PASID of one guest cannot be bound or set by another guest', (t) => {
  const { domain, add } = shared();
  const one = add(new PasidMap(1));
  const two = add(new PasidMap(2));
  one.pasids.bind(5, 50);
  const eexist = (run: () => void) => {
    refuses(t, 'EEXIST', run);
  };
  for (const host of [1, 50]) {
    eexist(() => {
      two.pasids.bind(5, host);
    });
    eexist(() => {
      two.msix.setCookie(0, host);
    });
    eexist(() => domain.allocate({ cookie: host }));
    eexist(() => new ImsSource(domain, { count: 1, pasids: new PasidMap(host) }));
    eexist(() => new ImsSource(domain, { count: 1, defaultCookie: host }));
  }
  const bound = new PasidMap(3);
  bound.bind(1, 30);
  bound.bind(2, 50);
  eexist(() => new ImsSource(domain, { count: 1, pasids: bound }));
  t.notThrows(() => {
    two.pasids.bind(5, 30);
  }, 'a source that was refused keeps no PASID');
  t.is(two.pasids.lookup(5), 30);
  one.msix.setCookie(0, 50);
  one.start();
  eexist(() => {
    two.source.slotOf(0)?.setCookie(50);
    two.start();
    two.source.slotOf(0)?.setCookie(50);
  });
});

test('unbinding a PASID affects no slot of another guest', (t) => {
  const { device, add } = shared();
  const [one, two] = [add(new PasidMap(1)), add(new PasidMap(2))];
  for (const { pasids, msix, start } of [one, two]) {
    pasids.bind(5, pasids === one.pasids ? 50 : 51);
    start();
    msix.setCookie(1, pasids.lookup(5) ?? null);
  }
  one.pasids.unbind(5);
  const live = ({ source }: typeof one) => [0, 1].map((vector) => source.slotOf(vector)?.live);
  t.deepEqual(
    [live(one), live(two)],
    [
      [true, false],
      [true, true],
    ],
  );
  two.pasids.bind(6, 50);
  two.msix.setCookie(0, 50);
  const silent = one.source.slotOf(1)?.index ?? -1;
  t.is(device.pasid(silent), 1, 'a silent slot contains the default PASID of its guest');
  t.false(device.complete(silent, 50));
});

test('a cookie that is set directly belongs to its guest while a vector has the cookie', (t) => {
  const { add } = shared();
  const [one, two] = [add(new PasidMap(1)), add(new PasidMap(2))];
  one.msix.setCookie(0, 70);
  one.msix.setCookie(1, 70);
  refuses(t, 'EEXIST', () => {
    two.pasids.bind(5, 70);
  });
  one.msix.setCookie(0, 71);
  refuses(t, 'EEXIST', () => {
    two.msix.setCookie(0, 70);
  });
  one.start();
  one.guest.control(0);
  refuses(t, 'EEXIST', () => {
    two.msix.setCookie(0, 71);
  });
  one.msix.setCookie(1, 1);
  two.msix.setCookie(0, 70);
  two.start();
  t.is(two.source.slotOf(0)?.cookie, 70);
});

test('the sources of one guest share the PASIDs until the last source is closed', (t) => {
  const { domain, add } = shared();
  const pasids = new PasidMap(1);
  const [one, other] = [add(pasids), add(pasids)];
  pasids.bind(5, 50);
  for (const { msix, start } of [one, other]) {
    msix.setCookie(0, 50);
    msix.setCookie(1, 60);
    start();
  }
  const steal = () => new ImsSource(domain, { count: 1, pasids: new PasidMap(1) });
  one.source.close();
  one.source.close();
  refuses(t, 'EEXIST', steal);
  t.true(other.source.slotOf(0)?.live);
  other.source.close();
  t.is(domain.used, 0);
  const next = steal();
  for (const [vector, host] of [50, 60].entries()) {
    t.notThrows(() => {
      next.setCookie(0, host);
    }, `cookie ${host} of vector ${vector} is free`);
  }
  t.notThrows(() => {
    pasids.unbind(5);
  });
  refuses(t, 'EBADF', () => {
    other.source.request(0, createEventfd());
  });
  refuses(t, 'EBADF', () => {
    other.source.setCookie(0, 1);
  });
});

test('a slot without a cookie is refused if several guests use the domain', (t) => {
  const einval = (run: () => void) => {
    refuses(t, 'EINVAL', run);
  };
  const { domain, add } = shared();
  const first = new ImsSource(domain, { count: 1 });
  einval(() => add(new PasidMap(1)));
  einval(() => add(new PasidMap(null)));
  first.close();
  const one = add(new PasidMap(1));
  one.msix.setCookie(0, null);
  einval(() => add(new PasidMap(2)));
  one.msix.setCookie(0, 1);
  add(new PasidMap(2));
  einval(() => add(new PasidMap(null)));
  einval(() => new ImsSource(domain, { count: 1 }));
  einval(() => {
    one.msix.setCookie(0, null);
  });
  t.notThrows(() => new ImsSource(domain, { count: 1, defaultCookie: 3 }));
});

test('guests without cookies can share a domain if the slots have no cookie', (t) => {
  const layout = { name: 'plain', stride: 12, addressLow: 0, addressHigh: 4, data: 8 };
  const storage = memoryStorage(new Uint8Array(48));
  const domain = new ImsDomain({ layout, storage, hostVectors: dsa(1).host });
  const sources = [1, 2].map((count) => new ImsSource(domain, { count }));
  for (const source of sources) source.request(0, createEventfd());
  t.is(domain.used, 2);
  refuses(t, 'ENOTSUP', () => new ImsSource(domain, { count: 1, pasids: new PasidMap(1) }));
});

test('a PASID is bound in all domains of its guest or in none', (t) => {
  const [a, b] = [shared(), shared()];
  const pasids = new PasidMap(1);
  a.add(pasids);
  b.add(pasids);
  const other = b.add(new PasidMap(2));
  other.pasids.bind(1, 50);
  refuses(t, 'EEXIST', () => {
    pasids.bind(5, 50);
  });
  t.is(pasids.lookup(5), undefined);
  t.notThrows(() => a.domain.allocate({ cookie: 50 }));
});

test('a freed slot cannot be changed', (t) => {
  const { guest, source, device } = virtual(2);
  guest.control(ENABLE);
  guest.unmask(0);
  const slot = source.slotOf(0);
  guest.control(0);
  for (const change of ['unmask', 'mask', 'unprogram', 'revoke', 'silence'] as const) {
    refuses(t, 'EBADF', () => slot?.[change]());
  }
  refuses(t, 'EBADF', () => slot?.setCookie(7));
  t.is(device.pasid(slot?.index ?? -1), null);
});

test('eleven sources on one domain print no warning', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  const { add } = shared();
  const pasids = new PasidMap(1);
  for (let n = 0; n < 11; n++) add(pasids, 1);
  for (let n = 0; n < 11; n++) add(new PasidMap(100 + n), 1);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  t.deepEqual(warnings, []);
});

test('slots of a program keep their cookie while they are revoked', (t) => {
  const { domain, add } = shared();
  const slot = domain.allocate({ cookie: 7 });
  const cookies: Cookie[] = [];
  domain.on('revoked', (cookie) => cookies.push(cookie));
  domain.revoke(7);
  t.deepEqual(cookies, [7]);
  t.true(slot.silent);
  refuses(t, 'EEXIST', () => add(new PasidMap(7)));
  slot.setCookie(8);
  t.false(slot.silent);
  t.notThrows(() => add(new PasidMap(7)));
});
