import test from 'ava';
import { DSA_LAYOUT, type FlowName, ImsDomain, ImsSource, MsixPerm, PasidMap } from 'vfio/mock';
import { FULL } from '../../full.js';
import { FakeHost, FakeIms } from '../ims/fake-ims.js';
import { CONTROL, ENABLE, tableOf } from '../msix/guest.js';
import { explore, type Interleaving, Schedule } from './schedule.js';
import { sva } from './virtual-ims.js';

const VECTORS = 2;
const DEFAULTS = [10, 11] as const;
/** A PASID of the guests, and the host PASIDs that the guests use one after the other. */
const GUEST = 5;
const HOST = 20;
const OTHER = 21;

interface Setting {
  readonly flow: FlowName;
  /** With one host vector for each guest, a consumer also sees interrupts of the other vector. */
  readonly hostVectors?: number;
  readonly slowCpus?: boolean;
}

/** The shared device, and the guest that each host PASID belongs to. */
class Machine {
  readonly host: FakeHost;
  readonly device: FakeIms;
  readonly guests: readonly Guest[];
  readonly owners = new Map<number, Guest>();
  /** Number of interrupts that a PASID of one guest raised on a vector of another guest. */
  foreign = 0;

  constructor(
    readonly schedule: Schedule,
    setting: Setting,
  ) {
    this.host = new FakeHost(schedule);
    this.host.slowCpus = setting.slowCpus ?? false;
    this.device = new FakeIms(this.host, 8);
    const domain = new ImsDomain({
      layout: DSA_LAYOUT,
      storage: this.device.registers,
      hostVectors: this.host,
    });
    this.guests = DEFAULTS.map((pasid, n) => new Guest(this, domain, n, pasid, setting));
  }

  turn(): void {
    this.host.take();
    this.schedule.turn();
  }
}

/** A guest with a table, MSIX_PERM and PASIDs. */
class Guest {
  readonly msix = tableOf(VECTORS);
  readonly pasids: PasidMap;
  readonly perm: MsixPerm;
  readonly source: ImsSource;
  readonly #unmasked = new Set<number>();
  #enabled = false;
  /** The vector whose interrupts the running operation voids. */
  #voiding = -1;
  /** The running write sets the default PASID, so work of this PASID raises no void interrupt. */
  #restoring = false;

  constructor(
    readonly machine: Machine,
    domain: ImsDomain,
    readonly number: number,
    readonly defaultPasid: number,
    { flow, hostVectors = VECTORS }: Setting,
  ) {
    this.pasids = new PasidMap(defaultPasid);
    machine.owners.set(defaultPasid, this);
    this.source = new ImsSource(domain, { count: VECTORS, pasids: this.pasids, hostVectors });
    this.msix.attach(this.source, { flow });
    this.perm = new MsixPerm({ vectors: VECTORS, pasids: this.pasids, target: this.msix });
    for (let vector = 0; vector < VECTORS; vector++) {
      machine.schedule.masked(this.id(vector), true);
      this.connect(vector);
    }
  }

  /** Returns the number of a vector in the schedule. */
  id(vector: number): number {
    return this.number * VECTORS + vector;
  }

  /** Completes work with a PASID and the handle of a vector. Default: the PASID of the slot. */
  fire(vector: number, pasid?: number): void {
    const { device, schedule, owners } = this.machine;
    const slot = this.source.slotOf(vector);
    if (slot === undefined) return;
    const used = pasid ?? device.pasid(slot.index);
    if (used === null || !device.permits(slot.index, used)) return;
    if (owners.get(used) !== this) this.machine.foreign++;
    schedule.fired(this.id(vector), this.#wayOf(vector, used));
    device.complete(slot.index, used);
  }

  /**
   * Returns whether an interrupt must be delivered. A silent vector delivers no interrupt of the
   * default PASID. While a bind revives the vector, an interrupt of the new PASID is void.
   */
  #wayOf(vector: number, pasid: number): 'message' | 'void' | 'dropped' {
    const silent = this.source.slotOf(vector)?.silent === true;
    if (silent && pasid === this.defaultPasid && !this.#restoring) return 'dropped';
    return silent || this.#voiding === vector ? 'void' : 'message';
  }

  connect(vector: number): void {
    this.msix.connect(vector, this.machine.schedule.consumer(this.id(vector)));
  }

  mask(vector: number, masked: boolean): void {
    if (masked) this.#unmasked.delete(vector);
    else this.#unmasked.add(vector);
    this.#around(() => {
      this.msix.tableWrite(vector * 16 + CONTROL, 4, masked ? 1 : 0);
    });
  }

  enable(): void {
    this.#enabled = true;
    this.#around(() => {
      this.msix.configWrite(2, 2, ENABLE);
    });
  }

  write(vector: number, word: number): void {
    const unbound = word !== 0 && this.pasids.lookup(word >>> 12) === undefined;
    this.#restoring = word === 0;
    this.#void(unbound ? vector : -1, () => {
      this.perm.write(8 * vector, 4, word);
    });
    this.#restoring = false;
  }

  bind(host: number): void {
    this.machine.owners.set(host, this);
    this.pasids.bind(GUEST, host);
  }

  unbind(host: number): void {
    this.#void(1, () => {
      this.pasids.unbind(GUEST);
    });
    this.machine.owners.delete(host);
  }

  #void(vector: number, operation: () => void): void {
    this.#voiding = vector;
    operation();
    this.#voiding = -1;
  }

  #around(operation: () => void): void {
    const { schedule } = this.machine;
    const allowed = (vector: number) => this.#enabled && this.#unmasked.has(vector);
    for (let v = 0; v < VECTORS; v++) if (allowed(v)) schedule.masked(this.id(v), false);
    operation();
    for (let v = 0; v < VECTORS; v++) if (!allowed(v)) schedule.masked(this.id(v), true);
  }
}

type Operation = (a: Guest, b: Guest) => void;

const START: readonly Operation[] = [
  (a) => {
    a.enable();
  },
  (_a, b) => {
    b.enable();
  },
  (a) => {
    a.mask(0, false);
  },
  (_a, b) => {
    b.mask(1, false);
  },
];

/** The guest names an unbound PASID before it requests vector 1, and once more while unmasked. */
const LATE_BIND: readonly Operation[] = [
  (a) => {
    a.write(1, sva(GUEST));
  },
  (a) => {
    a.mask(1, false);
  },
  (a) => {
    a.bind(HOST);
  },
  (a) => {
    a.write(1, sva(GUEST + 1));
  },
  (a) => {
    a.mask(1, true);
  },
  (a) => {
    a.connect(1);
  },
  (a) => {
    a.mask(1, false);
  },
  (a) => {
    a.write(1, sva(GUEST));
  },
  (_a, b) => {
    b.write(1, sva(GUEST));
  },
  (_a, b) => {
    b.bind(OTHER);
  },
];

/** The guest names an unbound PASID while an interrupt of vector 1 can be pending. */
const LATE_BIND_MASKED: readonly Operation[] = [
  (a) => {
    a.mask(1, false);
  },
  (a) => {
    a.mask(1, true);
  },
  (a) => {
    a.write(1, sva(GUEST));
  },
  (a) => {
    a.bind(HOST);
  },
  (a) => {
    a.mask(1, false);
  },
];

/** A host PASID moves from guest A to guest B. Then guest A gets another host PASID. */
const REBIND: readonly Operation[] = [
  (a) => {
    a.bind(HOST);
  },
  (a) => {
    a.write(1, sva(GUEST));
  },
  (a) => {
    a.mask(1, false);
  },
  (a) => {
    a.unbind(HOST);
  },
  (_a, b) => {
    b.write(1, sva(GUEST));
  },
  (_a, b) => {
    b.bind(HOST);
  },
  (a) => {
    a.bind(OTHER);
  },
  (a) => {
    a.mask(1, true);
  },
  (a) => {
    a.mask(1, false);
  },
];

/** Guest A loses its PASID while guest B uses its own PASID. */
const REVOKE: readonly Operation[] = [
  (a) => {
    a.bind(HOST);
  },
  (_a, b) => {
    b.bind(OTHER);
  },
  (a) => {
    a.write(1, sva(GUEST));
  },
  (_a, b) => {
    b.write(1, sva(GUEST));
  },
  (a) => {
    a.mask(1, false);
  },
  (a) => {
    a.unbind(HOST);
  },
  (a) => {
    a.mask(1, true);
  },
  (_a, b) => {
    b.connect(1);
  },
  (a) => {
    a.mask(1, false);
  },
  (a) => {
    a.write(1, 0);
  },
];

/** Work that a guest or an attacker submits: a slot, and the PASID of the work. */
const CAUSES: readonly ((a: Guest, b: Guest) => void)[] = [
  (a) => {
    a.fire(0);
  },
  (a) => {
    a.fire(1);
  },
  (_a, b) => {
    b.fire(1);
  },
  (a) => {
    a.fire(1, DEFAULTS[0]);
  },
  (a) => {
    a.fire(1, HOST);
  },
  (_a, b) => {
    b.fire(1, HOST);
  },
];

function runner(setting: Setting, operations: readonly Operation[]) {
  return ({ plan, turns }: Interleaving) => {
    const schedule: Schedule = new Schedule(plan, (cause) => {
      if (a !== undefined && b !== undefined) CAUSES[cause]?.(a, b);
    });
    const machine = new Machine(schedule, setting);
    const [a, b] = machine.guests;
    if (a === undefined || b === undefined) throw new Error('a guest is missing');
    operations.forEach((operation, i) => {
      schedule.run(() => {
        operation(a, b);
      });
      if (turns(i)) machine.turn();
    });
    for (const guest of [a, b]) for (let v = 0; v < VECTORS; v++) guest.mask(v, false);
    machine.turn();
    const { steps } = schedule;
    const verdict = schedule.end();
    // Vectors of a guest that share a host vector also see each other's interrupts.
    if (setting.hostVectors === 1) Object.assign(verdict, { duplicated: 0, wrong: 0 });
    verdict.wrong += machine.device.liveChanges + machine.foreign;
    return { verdict, steps, operations: operations.length };
  };
}

const SETTINGS: readonly Setting[] = (['dynamic', 'upfront'] as const).flatMap((flow) => [
  { flow },
  { flow, slowCpus: true },
  { flow, slowCpus: true, hostVectors: 1 },
]);

const SCENARIOS = {
  'a late bind': LATE_BIND,
  'a late bind of a masked vector': LATE_BIND_MASKED,
  'a rebind of a PASID to another guest': REBIND,
  'a revoke': REVOKE,
};

for (const setting of SETTINGS) {
  const { flow, slowCpus = false, hostVectors = VECTORS } = setting;
  const name = `${flow}${slowCpus ? ', slow CPUs' : ''}${hostVectors === 1 ? ', shared' : ''}`;
  for (const [what, scenario] of Object.entries(SCENARIOS)) {
    test(`${name}: ${what} loses no interrupt, and delivers none to another guest`, (t) => {
      const operations = [...START, ...scenario];
      const causes = CAUSES.map((_, cause) => cause);
      const { runs, total, failures } = explore(runner(setting, operations), causes, FULL);
      t.log(`${runs} interleavings, ${total.fired} fired, ${total.delivered} delivered`);
      t.deepEqual(failures, []);
      t.true(total.delivered > 500);
    });
  }
}
