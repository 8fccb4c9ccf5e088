import { EventEmitter } from 'node:events';
import test from 'ava';
import { type Cookie, MsixPerm, PasidMap, VfioError } from 'vfio/mock';

const ENABLE = 8;
const perm = (guest: number, bits = ENABLE) => ((guest << 12) | bits) >>> 0;

function virtual(vectors = 4) {
  const pasids = new PasidMap(100);
  const cookies = new Map<number, Cookie | 'silent'>();
  const events: unknown[][] = [];
  let refuse = false;
  const msixPerm = new MsixPerm({
    vectors,
    pasids,
    target: {
      setCookie: (vector, cookie) => {
        if (refuse) throw new VfioError({ code: 'EINVAL' });
        cookies.set(vector, cookie);
      },
      silence: (vector) => {
        if (refuse) throw new VfioError({ code: 'EINVAL' });
        cookies.set(vector, 'silent');
      },
    },
  });
  msixPerm.on('stale', (...args) => events.push(['stale', ...args]));
  msixPerm.on('refused', (vector, { code }) => events.push(['refused', vector, code]));
  return { pasids, cookies, events, msixPerm, refuse: (value: boolean) => (refuse = value) };
}

test('a write to MSIX_PERM sets the host PASID as the cookie of the vector', (t) => {
  const { pasids, cookies, msixPerm, events } = virtual();
  pasids.bind(0xfffff, 0xabcde);
  msixPerm.write(8, 4, perm(0xfffff));
  msixPerm.write(16, 8, BigInt(perm(0xfffff)) | 0xffff_ffff_0000_0000n);
  msixPerm.write(24, 4, perm(0xfffff, 0));
  t.deepEqual(
    [...cookies],
    [
      [1, 0xabcde],
      [2, 0xabcde],
      [3, 100],
    ],
  );
  t.is(msixPerm.read(8, 4), perm(0xfffff));
  t.is(msixPerm.read(16, 8), BigInt(perm(0xfffff)));
  t.is(msixPerm.read(20, 4), 0);
  t.deepEqual(events, []);
});

test('undefined bits of MSIX_PERM read zero, and the ignore bit has no effect', (t) => {
  const { cookies, msixPerm } = virtual();
  msixPerm.write(0, 4, 0x0000_0ff7);
  t.is(msixPerm.read(0, 4), 4);
  t.deepEqual([...cookies], [[0, 100]]);
});

test('MSIX_PERM drops misaligned or narrow writes; misaligned or narrow reads return all ones', (t) => {
  const { cookies, msixPerm } = virtual();
  msixPerm.write(8, 2, 8);
  msixPerm.write(9, 4, 8);
  msixPerm.write(12, 4, 8);
  msixPerm.write(32, 4, 8);
  msixPerm.write(4, 8, 8n);
  t.is(cookies.size, 0);
  t.is(msixPerm.read(8, 2), 0xffff);
  t.is(msixPerm.read(32, 4), 0xffff_ffff);
  t.is(msixPerm.read(4, 8), 2n ** 64n - 1n);
  t.is(msixPerm.size, 32);
});

test('an entry with an unbound PASID silences its vector until the PASID is bound', (t) => {
  const { pasids, cookies, msixPerm, events } = virtual();
  const bindings: unknown[] = [];
  pasids.on('bound', (binding) => bindings.push(binding));
  msixPerm.write(8, 4, perm(7));
  msixPerm.write(16, 4, perm(8));
  t.is(cookies.get(1), 'silent');
  t.deepEqual(events, [
    ['stale', 1, 7],
    ['stale', 2, 8],
  ]);
  t.is(msixPerm.read(8, 4), perm(7));
  t.true(msixPerm.stale(1));
  pasids.bind(7, 70);
  t.deepEqual(bindings, [{ guest: 7, host: 70 }]);
  t.false(msixPerm.stale(1));
  t.is(cookies.get(1), 70);
  t.true(msixPerm.stale(2));
  t.is(cookies.get(2), 'silent');
  pasids.unbind(7);
  t.true(msixPerm.stale(1));
  t.deepEqual(events.slice(2), [['stale', 1, 7]]);
  pasids.bind(7, 71);
  t.false(msixPerm.stale(1));
  t.is(cookies.get(1), 71);
});

test('an entry is stale if the cookie of its vector cannot be set', (t) => {
  const { pasids, cookies, msixPerm, events, refuse } = virtual();
  refuse(true);
  msixPerm.write(0, 4, 0);
  t.deepEqual(events, [['refused', 0, 'EINVAL']]);
  t.true(msixPerm.stale(0));
  msixPerm.write(8, 4, perm(7));
  t.deepEqual(events.slice(1), [
    ['refused', 1, 'EINVAL'],
    ['stale', 1, 7],
  ]);
  refuse(false);
  pasids.bind(7, 70);
  t.deepEqual([...cookies], [[1, 70]]);
});

test('a reset of MSIX_PERM sets the default PASID for every entry that was written', (t) => {
  const { pasids, cookies, msixPerm } = virtual();
  pasids.bind(1, 10);
  msixPerm.write(16, 4, perm(1));
  cookies.clear();
  msixPerm.reset();
  t.deepEqual([...cookies], [[2, 100]]);
  t.is(msixPerm.read(16, 4), 0);
});

test('PasidMap refuses to bind a PASID that is already bound', (t) => {
  const pasids = new PasidMap(5);
  pasids.bind(1, 10);
  for (const [guest, host] of [
    [1, 11],
    [2, 10],
    [2, 5],
  ] as const) {
    t.throws(
      () => {
        pasids.bind(guest, host);
      },
      { instanceOf: VfioError, code: 'EEXIST' },
    );
  }
  t.is(pasids.lookup(1), 10);
  t.is(pasids.lookup(2), undefined);
  t.throws(
    () => {
      pasids.unbind(2);
    },
    { code: 'ENOENT' },
  );
  t.throws(
    () => {
      pasids.bind(2 ** 20, 1);
    },
    { instanceOf: RangeError },
  );
});

test('after close(), the table follows neither its PASID map nor its target', (t) => {
  const pasids = new PasidMap(100);
  const target = Object.assign(new EventEmitter(), {
    calls: 0,
    setCookie: () => target.calls++,
    silence: () => target.calls++,
  });
  const msixPerm = new MsixPerm({ vectors: 4, pasids, target });
  msixPerm.write(0, 4, perm(7));
  t.is(target.calls, 1);
  t.is(pasids.listenerCount('bound') + target.listenerCount('attached'), 2);
  msixPerm.close();
  msixPerm[Symbol.dispose]();
  pasids.bind(7, 8);
  t.is(target.calls, 1);
  for (const event of ['bound', 'unbound'] as const) t.is(pasids.listenerCount(event), 0);
  t.is(target.listenerCount('attached'), 0);
});
