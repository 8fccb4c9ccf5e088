import test from 'ava';
import { Budget, type Cookie, type HostVector, type Slot, VfioError } from 'vfio/mock';
import fc from '../../fast-check.js';
import { COMMANDS_EXPECTED, RUNS } from '../../full.js';
import { dsa, onSignal } from './bench.js';

const SLOTS = 5;
const VECTORS = 3;
const QUOTA = 2;
const OWNERS = ['a', 'b'];

/** State of one slot in the model. */
interface Entry {
  owner: number | null;
  cookie: Cookie;
  /** The host vector whose message the slot contains. */
  vector: number | null;
  /** Whether the slot is unmasked while the slot is not silent. */
  unmasked: boolean;
  pending: boolean;
  /** Whether the cookie was revoked, and no other cookie was set. */
  silent: boolean;
}

const FREE: Entry = {
  owner: null,
  cookie: null,
  vector: null,
  unmasked: false,
  pending: false,
  silent: false,
};

function isMasked({ unmasked, silent }: Entry): boolean {
  return !unmasked || silent;
}

/** The model of an interrupt message store. The model computes the eventfd of each interrupt. */
class Rules {
  readonly slots: Entry[] = Array.from({ length: SLOTS }, () => ({ ...FREE }));
  /** Number of the eventfd that each host vector signals. */
  readonly targets = Array.from({ length: VECTORS }, (_, vector) => vector);
  sent: number[] = [];

  used(owner: number): number {
    return this.slots.filter((slot) => slot.owner === owner).length;
  }

  sendPending(slot: Entry): void {
    if (!slot.pending || isMasked(slot)) return;
    slot.pending = false;
    if (slot.vector !== null) this.sent.push(this.targets[slot.vector] ?? -1);
  }

  allocate(owner: number, cookie: Cookie): string {
    const slot = this.slots.find((one) => one.owner === null);
    if (slot === undefined || this.used(owner) >= QUOTA) return 'ENOSPC';
    // The pending interrupt of a previous owner is dropped.
    Object.assign(slot, { ...FREE, owner, cookie });
    return 'ok';
  }

  /**
   * Completes work that requests the interrupt of a slot. Work with a PASID that differs from the
   * slot's PASID is refused.
   */
  complete(index: number, pasid: Cookie): void {
    const slot = this.slots[index];
    if (slot === undefined) return;
    if (slot.cookie !== pasid) return;
    slot.pending = true;
    this.sendPending(slot);
  }

  /** Calls a function with a slot if the slot is in use. */
  on(index: number, what: (slot: Entry) => string): string {
    const slot = this.slots[index];
    if (slot?.owner == null) return 'free';
    const result = what(slot);
    this.sendPending(slot);
    return result;
  }
}

class Real {
  readonly sent: number[] = [];
  readonly bench = dsa(SLOTS);
  readonly eventfds = [0, 1, 2, 3, 4].map((n) => onSignal(() => this.sent.push(n)));
  readonly vectors: HostVector[];
  readonly accounts: readonly ReturnType<Budget['account']>[];

  constructor() {
    const budget = new Budget({ quota: { slots: QUOTA } });
    this.accounts = OWNERS.map((owner) => budget.account(owner));
    this.vectors = Array.from({ length: VECTORS }, (_, n) =>
      this.bench.domain.allocateVector(this.eventfds[n] ?? onSignal(() => undefined)),
    );
  }

  on(index: number, what: (slot: Slot) => void): string {
    const slot = this.bench.domain.slot(index);
    if (slot === undefined) return 'free';
    return result(() => {
      what(slot);
    });
  }
}

function result(run: () => void): string {
  try {
    run();
    return 'ok';
  } catch (error) {
    if (error instanceof VfioError) return error.code;
    throw error;
  }
}

type Command = fc.Command<Rules, Real>;
let executed = 0;

function command(name: string, model: (m: Rules) => string, real: (r: Real) => string): Command {
  return {
    check: () => true,
    run: (m, r) => {
      executed++;
      const [expected, got] = [model(m), real(r)];
      if (got !== expected) throw new Error(`${got}, not ${expected}`);
      agree(m, r);
    },
    toString: () => name,
  };
}

function agree(m: Rules, { sent, bench, vectors, accounts }: Real): void {
  const [got, expected] = [JSON.stringify(sent), JSON.stringify(m.sent)];
  if (got !== expected) throw new Error(`sent ${got}, not ${expected}`);
  sent.length = 0;
  m.sent.length = 0;
  if (bench.device.liveChanges > 0) throw new Error('a slot was changed while unmasked');
  accounts.forEach(({ usage }, owner) => {
    if (usage.slots !== m.used(owner)) throw new Error(`'${OWNERS[owner] ?? ''}' is miscounted`);
  });
  m.slots.forEach((wanted, index) => {
    const slot = bench.domain.slot(index);
    const control = bench.device.control(index);
    const message = bench.device.words[index * 4] ?? 0;
    const at = wanted.vector === null ? 0n : (vectors[wanted.vector]?.message.address ?? 0n);
    const same =
      (slot === undefined) === (wanted.owner === null) &&
      ((control & 1) === 1) === isMasked(wanted) &&
      bench.device.pasid(index) === wanted.cookie &&
      BigInt(message) === at &&
      (slot === undefined ||
        (slot.pending === (wanted.pending && !wanted.silent) &&
          slot.silent === wanted.silent &&
          slot.handle === index));
    if (!same) throw new Error(`slot ${index}: control ${control}, not ${JSON.stringify(wanted)}`);
  });
}

const index = fc.nat(SLOTS - 1);
const cookie = fc.constantFrom(null, 1, 2);

const commands: fc.Arbitrary<Command>[] = [
  fc.tuple(fc.nat(1), cookie).map(([owner, value]) =>
    command(
      `allocate ${owner} ${String(value)}`,
      (m) => m.allocate(owner, value),
      ({ bench, accounts }) =>
        result(() => bench.domain.allocate({ account: accounts[owner], cookie: value })),
    ),
  ),
  index.map((n) =>
    command(
      `free ${n}`,
      (m) =>
        m.on(n, (slot) => {
          // If the slot has a host vector, the pending interrupt is sent to an unread eventfd.
          // Without a host vector, the interrupt stays pending.
          const kept = slot.pending && slot.vector === null;
          Object.assign(slot, { ...FREE, pending: kept });
          return 'ok';
        }),
      (r) =>
        r.on(n, (slot) => {
          slot.free();
        }),
    ),
  ),
  fc.tuple(index, fc.nat(VECTORS - 1)).map(([n, vector]) =>
    command(
      `program ${n} ${vector}`,
      (m) =>
        m.on(n, (slot) => {
          slot.vector = vector;
          return 'ok';
        }),
      (r) =>
        r.on(n, (slot) => {
          const chosen = r.vectors[vector];
          if (chosen !== undefined) slot.program(chosen);
        }),
    ),
  ),
  index.map((n) =>
    command(
      `unmask ${n}`,
      (m) =>
        m.on(n, (slot) => {
          if (slot.vector === null) return 'EINVAL';
          slot.unmasked = true;
          return 'ok';
        }),
      (r) =>
        r.on(n, (slot) => {
          slot.unmask();
        }),
    ),
  ),
  index.map((n) =>
    command(
      `mask ${n}`,
      (m) =>
        m.on(n, (slot) => {
          slot.unmasked = false;
          return 'ok';
        }),
      (r) =>
        r.on(n, (slot) => {
          slot.mask();
        }),
    ),
  ),
  fc.tuple(index, cookie).map(([n, value]) =>
    command(
      `cookie ${n} ${String(value)}`,
      (m) =>
        m.on(n, (slot) => {
          slot.cookie = value;
          if (slot.silent) slot.pending = slot.silent = false;
          return 'ok';
        }),
      (r) =>
        r.on(n, (slot) => {
          slot.setCookie(value);
        }),
    ),
  ),
  fc.constantFrom(1, 2).map((value) =>
    command(
      `revoke ${value}`,
      (m) => {
        for (const slot of m.slots) {
          if (slot.owner !== null && slot.cookie === value) slot.silent = true;
        }
        return 'ok';
      },
      ({ bench }) => {
        bench.domain.revoke(value);
        return 'ok';
      },
    ),
  ),
  fc.tuple(index, cookie).map(([n, pasid]) =>
    command(
      `complete ${n} ${String(pasid)}`,
      (m) => {
        m.complete(n, pasid);
        return 'ok';
      },
      ({ bench }) => {
        bench.device.complete(n, pasid);
        return 'ok';
      },
    ),
  ),
  fc.tuple(fc.nat(VECTORS - 1), fc.nat(4)).map(([vector, target]) =>
    command(
      `bind ${vector} ${target}`,
      (m) => {
        m.targets[vector] = target;
        return 'ok';
      },
      ({ vectors, eventfds }) => {
        const eventfd = eventfds[target];
        if (eventfd !== undefined) vectors[vector]?.bind(eventfd);
        return 'ok';
      },
    ),
  ),
];

test('the slots of an ImsDomain behave like the model for any sequence of commands', (t) => {
  const { numRuns, maxCommands } = RUNS;
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands, size: 'max' }), (sequence) => {
      fc.modelRun(() => ({ model: new Rules(), real: new Real() }), sequence);
    }),
    { numRuns },
  );
  t.log(`${executed} commands`);
  t.true(executed >= COMMANDS_EXPECTED);
});
