import test from 'ava';
import { type Cookie, ImsSource, MsixPerm, PasidMap, VfioError, type VirtualMsix } from 'vfio/mock';
import fc from '../../fast-check.js';
import { fuzz } from '../../fuzz/inputs.js';
import { dsa } from '../ims/bench.js';
import { ENABLE, Guest, tableOf } from '../msix/guest.js';
import { sva } from './virtual-ims.js';

const GUESTS = 3;
const VECTORS = 3;
const SLOTS = 12;
/** Host PASIDs that any guest can try to get. PASIDs 1 to 3 are the defaults of the guests. */
const HOSTS = [1, 2, 3, 10, 11, 12];
const GUEST_PASIDS = 3;

type Bench = ReturnType<typeof dsa>;

/** A guest with a table, MSIX_PERM and a source. The fields after `source` are the model. */
class Virtual {
  readonly pasids: PasidMap;
  msix!: VirtualMsix;
  guest!: Guest;
  perm!: MsixPerm;
  source!: ImsSource;
  readonly bound = new Map<number, number>();
  /** The cookie of each vector. A vector without an entry has the default PASID. */
  readonly cookies = new Map<number, number | 'silent'>();
  readonly perms = new Map<number, number>();

  constructor(
    readonly bench: Bench,
    readonly own: number,
  ) {
    this.pasids = new PasidMap(own);
    this.open();
  }

  open(): void {
    this.msix = tableOf(VECTORS);
    this.guest = new Guest(this.msix);
    this.perm = new MsixPerm({ vectors: VECTORS, pasids: this.pasids, target: this.msix });
    this.source = new ImsSource(this.bench.domain, { count: VECTORS, pasids: this.pasids });
    this.msix.attach(this.source);
    this.cookies.clear();
    this.perms.clear();
  }

  /** The PASIDs of the guest, according to the model. */
  get owned(): Set<Cookie> {
    const direct = [...this.cookies.values()].filter((cookie) => cookie !== 'silent');
    return new Set([this.own, ...this.bound.values(), ...direct]);
  }

  cookieOf(vector: number): Cookie | 'silent' {
    return this.cookies.get(vector) ?? this.own;
  }

  writePerm(vector: number, guestPasid: number): void {
    this.perm.write(8 * vector, 4, guestPasid === 0 ? 0 : sva(guestPasid));
    this.perms.set(vector, guestPasid);
    this.applyPerm(vector);
  }

  applyPerm(vector: number): void {
    const guestPasid = this.perms.get(vector) ?? 0;
    const host = guestPasid === 0 ? this.own : this.bound.get(guestPasid);
    this.cookies.set(vector, host ?? 'silent');
  }
}

/** Calls a function. @returns 'ok' or the code of the VfioError */
function outcome(call: () => void): string {
  try {
    call();
    return 'ok';
  } catch (error) {
    if (error instanceof VfioError) return error.code;
    throw error;
  }
}

function same(got: unknown, expected: unknown, what: string): void {
  if (got !== expected) throw new Error(`${what}: ${String(got)}, not ${String(expected)}`);
}

/** Changes a guest and the model, and checks the result. */
type Run = (guests: readonly Virtual[], guest: Virtual) => void;

interface Step {
  readonly run: Run;
  readonly [fc.toStringMethod]: () => string;
}

function step(name: string, run: Run): Step {
  return { run, [fc.toStringMethod]: () => name };
}

/** Reads the eventfds of all vectors. @returns the number of interrupts */
function takeAll(guests: readonly Virtual[]): number {
  let count = 0;
  for (const { guest } of guests) for (let v = 0; v < VECTORS; v++) count += guest.taken(v);
  return count;
}

function isOthers(guests: readonly Virtual[], guest: Virtual, cookie: number): boolean {
  return guests.some((other) => other !== guest && other.owned.has(cookie));
}

function bind(guestPasid: number, host: number): Step {
  return step(`bind ${guestPasid} ${host}`, (guests, guest) => {
    takeAll(guests);
    const taken =
      guest.bound.has(guestPasid) ||
      host === guest.own ||
      [...guest.bound.values()].includes(host) ||
      isOthers(guests, guest, host);
    const got = outcome(() => {
      guest.pasids.bind(guestPasid, host);
    });
    same(got, taken ? 'EEXIST' : 'ok', `bind ${host}`);
    same(takeAll(guests), 0, 'interrupts that a bind delivered');
    if (taken) return;
    guest.bound.set(guestPasid, host);
    for (const [vector, named] of guest.perms) if (named === guestPasid) guest.applyPerm(vector);
  });
}

function unbind(guestPasid: number): Step {
  return step(`unbind ${guestPasid}`, (_guests, guest) => {
    const host = guest.bound.get(guestPasid);
    const got = outcome(() => {
      guest.pasids.unbind(guestPasid);
    });
    same(got, host === undefined ? 'ENOENT' : 'ok', `unbind ${guestPasid}`);
    guest.bound.delete(guestPasid);
    for (const [vector, cookie] of guest.cookies) {
      if (cookie === host) guest.cookies.set(vector, 'silent');
    }
  });
}

function setCookie(vector: number, cookie: number | null): Step {
  return step(`setCookie ${vector} ${String(cookie)}`, (guests, guest) => {
    const refused = cookie !== null && isOthers(guests, guest, cookie) ? 'EEXIST' : 'ok';
    const expected = cookie === null ? 'EINVAL' : refused;
    const got = outcome(() => {
      guest.msix.setCookie(vector, cookie);
    });
    same(got, expected, `setCookie ${String(cookie)}`);
    if (cookie !== null && got === 'ok') guest.cookies.set(vector, cookie);
  });
}

/** Completes work with a PASID and the number of a slot. Each guest can choose both numbers. */
function complete(index: number, pasid: number): Step {
  return step(`complete ${index} ${pasid}`, (guests) => {
    const [bench] = guests.map((guest) => guest.bench);
    const user = guests.find(({ source }) => source.vectorOf(index) !== undefined);
    const vector = user?.source.vectorOf(index) ?? -1;
    takeAll(guests);
    const permitted = bench?.device.complete(index, pasid) === true;
    if (permitted && user?.owned.has(pasid) !== true) throw new Error(`${pasid} is foreign`);
    const deliverable = permitted && user?.cookieOf(vector) === pasid;
    guests.forEach(({ guest }) => {
      for (let v = 0; v < VECTORS; v++) {
        const count = guest.taken(v);
        const own = guest === user?.guest && v === vector && deliverable;
        if (count > 0 && !own) throw new Error(`vector ${v} got an interrupt of ${pasid}`);
      }
    });
  });
}

/** Checks that each slot contains the cookie that the model expects. */
function check(guests: readonly Virtual[]): void {
  const owners = new Map<Cookie, Virtual>();
  for (const guest of guests) {
    for (const cookie of guest.owned) {
      if (owners.has(cookie)) throw new Error(`cookie ${String(cookie)} has two owners`);
      owners.set(cookie, guest);
    }
  }
  for (const guest of guests) {
    const { device } = guest.bench;
    for (let vector = 0; vector < VECTORS; vector++) {
      const slot = guest.source.slotOf(vector);
      if (slot === undefined) continue;
      const cookie = guest.cookieOf(vector);
      const isSilent = cookie === 'silent';
      same(device.pasid(slot.index), isSilent ? guest.own : cookie, `PASID of vector ${vector}`);
      same(slot.silent, isSilent, `vector ${vector} is silent`);
      const isLive = (device.control(slot.index) & 1) === 0;
      same(isLive, slot.live, `vector ${vector} is live`);
      if (isLive && isSilent) throw new Error(`vector ${vector} is live and silent`);
      same(guest.msix.state(vector) === 'failed', false, `vector ${vector} has failed`);
    }
    same(guest.bench.device.liveChanges, 0, 'changes of live slots');
  }
}

const vector = fc.nat(VECTORS - 1);
const guestPasid = fc.integer({ min: 1, max: GUEST_PASIDS });
const host = fc.constantFrom(...HOSTS);

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(guestPasid, host).map(([pasid, to]) => bind(pasid, to)) },
  { weight: 2, arbitrary: guestPasid.map(unbind) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(vector, fc.oneof({ weight: 6, arbitrary: host }, fc.constant(null)))
      .map(([v, cookie]) => setCookie(v, cookie)),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(vector, fc.nat(GUEST_PASIDS)).map(([v, pasid]) =>
      step(`perm ${v} ${pasid}`, (_guests, guest) => {
        guest.writePerm(v, pasid);
      }),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(vector, fc.boolean()).map(([v, masked]) =>
      step(`mask ${v} ${masked}`, (_guests, { guest }) => {
        guest.mask(v, masked);
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(ENABLE, ENABLE, 0).map((bits) =>
      step(`control ${bits}`, (_guests, { guest }) => {
        guest.control(bits);
      }),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat(SLOTS - 1), host).map(([at, pasid]) => complete(at, pasid)),
  },
  fc.constant(
    step('reset', (_guests, guest) => {
      guest.msix.reset();
      guest.perm.reset();
      for (const [v, named] of guest.perms) {
        if (named !== 0) guest.cookies.set(v, guest.own);
      }
      guest.perms.clear();
    }),
  ),
  fc.constant(
    step('reopen', (_guests, guest) => {
      guest.source.close();
      guest.open();
    }),
  ),
);

test('every live slot has a PASID of its own guest after any operations of three guests', async (t) => {
  let count = 0;
  const script = fc.array(fc.tuple(fc.nat(GUESTS - 1), steps), { maxLength: 60, size: 'max' });
  await fuzz(t, 200, script, (operations) => {
    const bench = dsa(SLOTS);
    const guests = [1, 2, 3].map((own) => new Virtual(bench, own));
    for (const [n, { run }] of operations) {
      const guest = guests[n];
      if (guest === undefined) continue;
      run(guests, guest);
      check(guests);
      count++;
    }
  });
  t.log(`${count} steps`);
});
