import test from 'ava';
import {
  Budget,
  createEventfd,
  DSA_LAYOUT,
  ImsDomain,
  memoryStorage,
  MsixPerm,
  PasidMap,
} from 'vfio/mock';
import { dsa } from './bench.js';

/** Returns a value with a wrong type. */
const wrong = (value: unknown) => value as never;

const { domain, host } = dsa(8);
const storage = memoryStorage(new Uint8Array(64));
const required = { layout: DSA_LAYOUT, storage, hostVectors: host };
const pasids = new PasidMap(1);
const target = { setCookie: () => undefined, silence: () => undefined };
const perm = new MsixPerm({ vectors: 2, pasids, target });
const budget = new Budget();
const slot = domain.allocate();
const vector = domain.allocateVector(createEventfd());

const TYPE_ERRORS: Readonly<Record<string, () => unknown>> = {
  'an unknown option of Budget': () => new Budget(wrong({ quotas: { slots: 1 } })),
  'an unknown quota': () => new Budget({ quota: wrong({ slot: 1 }) }),
  'an unknown quota of an owner': () => {
    budget.setQuota('a', wrong({ slot: 1 }));
  },
  'a quota for an owner without a name': () => {
    budget.setQuota(wrong(1), {});
  },
  'an account without a name': () => budget.account(wrong(undefined)),
  'an unknown key of cpus': () => new Budget({ cpus: wrong({ ids: [0], vectors: 1, max: 1 }) }),
  'CPUs that are no array': () => budget.account('a').chargeVector(wrong(0)),
  'an unknown option of ImsDomain': () => new ImsDomain(wrong({ ...required, slot: 1 })),
  'a storage without methods': () => new ImsDomain({ ...required, storage: wrong({ size: 64 }) }),
  'host vectors without methods': () => new ImsDomain({ ...required, hostVectors: wrong({}) }),
  'handles without a method': () => new ImsDomain({ ...required, handles: wrong({ request: 1 }) }),
  'a callback that is no function': () => new ImsDomain({ ...required, changed: wrong(1) }),
  'an unknown option of allocate()': () => domain.allocate(wrong({ cooky: 1 })),
  'an account that is an object': () => domain.allocate({ account: wrong({}) }),
  'a cookie that is a string': () => domain.allocate({ cookie: wrong('1') }),
  'a revoked cookie that is a string': () => domain.revoke(wrong('1')),
  'a host vector without an eventfd': () => domain.allocateVector(wrong(1)),
  'a host vector for an account that is a string': () =>
    domain.allocateVector(createEventfd(), wrong('a')),
  'a number in place of an eventfd': () => {
    vector.bind(wrong(1));
  },
  'an affinity that is a number': () => {
    vector.setAffinity(wrong(0));
  },
  'a slot programmed with an object': () => {
    slot.program(wrong({ message: { address: 0n, data: 0 } }));
  },
  'a default PASID that is a string': () => new PasidMap(wrong('1')),
  'a bound PASID that is a string': () => {
    pasids.bind(wrong('1'), 1);
  },
  'an unbound PASID that is a string': () => {
    pasids.unbind(wrong('1'));
  },
  'a PASID to look up that is a string': () => pasids.lookup(wrong('1')),
  'an unknown option of MsixPerm': () => new MsixPerm(wrong({ vectors: 1, pasids, target, n: 1 })),
  'PASIDs that are a Map': () => new MsixPerm({ vectors: 1, pasids: wrong(new Map()), target }),
  'a target without silence()': () =>
    new MsixPerm({ vectors: 1, pasids, target: wrong({ setCookie: () => undefined }) }),
  'a word of MSIX_PERM that is a string': () => {
    perm.write(0, 4, wrong('8'));
  },
  'a quadword of MSIX_PERM that is a number': () => {
    perm.write(0, 8, wrong(8));
  },
};

const RANGE_ERRORS: Readonly<Record<string, () => unknown>> = {
  'an empty list of CPUs': () => budget.account('a').chargeVector([]),
  'a refund without a charge': () => {
    budget.account('nobody').refundSlot();
  },
  'a refund of a PASID without a charge': () => {
    budget.account('nobody').refundPasid();
  },
  'a word of MSIX_PERM with 33 bits': () => {
    perm.write(0, 4, 2 ** 32);
  },
  'an entry that MSIX_PERM does not have': () => perm.stale(2),
  'a revoked cookie with too many bits': () => domain.revoke(2 ** 20),
};

for (const [what, call] of Object.entries(TYPE_ERRORS)) {
  test(`${what} throws a TypeError`, (t) => {
    t.throws(call, { instanceOf: TypeError });
  });
}

for (const [what, call] of Object.entries(RANGE_ERRORS)) {
  test(`${what} throws a RangeError`, (t) => {
    t.throws(call, { instanceOf: RangeError });
  });
}
