import test from 'ava';
import {
  DSA_LAYOUT,
  type FlowName,
  ImsDomain,
  ImsSource,
  MsixPerm,
  PasidMap,
  type VirtualMsix,
} from 'vfio/mock';
import { FakeHost, FakeIms } from '../ims/fake-ims.js';
import { CONTROL, ENABLE, FUNCTION_MASK, tableOf } from '../msix/guest.js';
import { explore, type Interleaving, Schedule } from './schedule.js';

const VECTORS = 2;
const DEFAULT = 10;
const GUEST = 5;
const HOST = 20;
const OTHER = 21;

interface Setting {
  readonly flow: FlowName;
  /**
   * Number of host vectors. With one host vector, each consumer also receives the interrupts of the
   * other vector.
   */
  readonly hostVectors?: number;
  /** Whether CPUs handle a message with a delay, like the CPUs of a real host. */
  readonly slowCpus?: boolean;
}

/**
 * A virtual DSA with an MSI-X table and MSIX_PERM. Each vector of the virtual DSA uses a slot of a
 * device.
 */
class VirtualDsa {
  readonly host: FakeHost;
  readonly device: FakeIms;
  readonly msix: VirtualMsix;
  readonly source: ImsSource;
  readonly pasids = new PasidMap(DEFAULT);
  readonly perm: MsixPerm;
  readonly #unmasked = new Set<number>();
  #control = 0;
  #sending = true;
  /** The slot that vector 1 had when the PASID of the vector was unbound. */
  stale: number | null = null;
  unbinding = false;

  constructor(
    readonly schedule: Schedule,
    { flow, hostVectors = VECTORS, slowCpus = false }: Setting,
  ) {
    this.host = new FakeHost(schedule);
    this.host.slowCpus = slowCpus;
    this.device = new FakeIms(this.host, 8);
    const domain = new ImsDomain({
      layout: DSA_LAYOUT,
      storage: this.device.registers,
      hostVectors: this.host,
    });
    this.msix = tableOf(VECTORS);
    this.source = new ImsSource(domain, { count: VECTORS, pasids: this.pasids, hostVectors });
    this.msix.attach(this.source, { flow });
    this.perm = new MsixPerm({ vectors: VECTORS, pasids: this.pasids, target: this.msix });
    this.pasids.bind(GUEST, HOST);
    for (let vector = 0; vector < VECTORS; vector++) {
      schedule.masked(vector, true);
      this.connect(vector);
    }
  }

  /** Completes work with the PASID of the vector's slot. */
  fire(vector: number): void {
    const slot = this.source.slotOf(vector);
    // While MSI-X is disabled, the driver has no handle and submits no work.
    if (slot === undefined || slot.handle === null || !this.#sending) return;
    this.schedule.fired(vector);
    this.device.complete(slot.index, this.device.pasid(slot.index));
  }

  /** Completes work that the guest's process submitted before its PASID was unbound. */
  fireStale(): void {
    const slot = this.stale ?? this.source.slotOf(1)?.index;
    if (slot === undefined || !this.device.permits(slot, HOST)) return;
    if (this.stale === null) this.schedule.fired(1, this.unbinding ? 'void' : 'message');
    this.device.complete(slot, HOST);
  }

  connect(vector: number): void {
    this.msix.connect(vector, this.schedule.consumer(vector));
  }

  mask(vector: number, masked: boolean): void {
    if (masked) this.#unmasked.delete(vector);
    else this.#unmasked.add(vector);
    this.#around(() => {
      this.msix.tableWrite(vector * 16 + CONTROL, 4, masked ? 1 : 0);
    });
  }

  control(bits: number): void {
    this.#control = bits;
    this.#sending = (bits & ENABLE) !== 0;
    this.#around(() => {
      this.msix.configWrite(2, 2, bits);
    });
  }

  #around(operation: () => void): void {
    const live = this.#control === ENABLE;
    const allowed = (vector: number) => live && this.#unmasked.has(vector);
    for (let v = 0; v < VECTORS; v++) if (allowed(v)) this.schedule.masked(v, false);
    operation();
    for (let v = 0; v < VECTORS; v++) if (!allowed(v)) this.schedule.masked(v, true);
  }
}

type Operation = (dsa: VirtualDsa) => void;

/**
 * Operations: enable MSI-X, set a cookie, unmask vectors, add vectors, mask vectors, swap eventfds,
 * and change the cookie of an active vector.
 */
const OPERATIONS: readonly Operation[] = [
  (d) => {
    d.control(ENABLE);
  },
  (d) => {
    d.mask(0, false);
  },
  (d) => {
    d.perm.write(8, 4, (GUEST << 12) | 8);
  },
  (d) => {
    d.mask(1, false);
  },
  (d) => {
    d.mask(0, true);
  },
  (d) => {
    d.perm.write(0, 4, (GUEST << 12) | 8);
  },
  (d) => {
    d.connect(0);
  },
  (d) => {
    d.mask(0, false);
  },
  (d) => {
    d.connect(1);
  },
  (d) => {
    d.perm.write(8, 4, 0);
  },
  (d) => {
    d.control(ENABLE | FUNCTION_MASK);
  },
  (d) => {
    d.control(ENABLE);
  },
];

const DISABLE: readonly Operation[] = [
  (d) => {
    d.control(0);
  },
  (d) => {
    d.control(ENABLE);
  },
];

const UNBIND: readonly Operation[] = [
  (d) => {
    d.unbinding = true;
    d.pasids.unbind(GUEST);
    d.stale = d.source.slotOf(1)?.index ?? null;
    d.schedule.masked(1, true);
  },
  (d) => {
    d.msix.tableWrite(16 + CONTROL, 4, 1);
  },
  (d) => {
    d.msix.tableWrite(16 + CONTROL, 4, 0);
  },
  (d) => {
    d.pasids.bind(GUEST, OTHER);
  },
  (d) => {
    d.perm.write(8, 4, (GUEST << 12) | 8);
  },
  (d) => {
    d.msix.tableWrite(16 + CONTROL, 4, 0);
  },
];

const STALE = 99;

function runner(setting: Setting, operations: readonly Operation[]) {
  return ({ plan, turns }: Interleaving) => {
    const schedule: Schedule = new Schedule(plan, (cause) => {
      if (cause === STALE) virtual.fireStale();
      else virtual.fire(cause);
    });
    const virtual = new VirtualDsa(schedule, setting);
    const turn = () => {
      virtual.host.take();
      schedule.turn();
    };
    operations.forEach((operation, i) => {
      schedule.run(() => {
        operation(virtual);
      });
      if (turns(i)) turn();
    });
    if (virtual.stale === null) for (let v = 0; v < VECTORS; v++) virtual.mask(v, false);
    turn();
    const { steps } = schedule;
    const verdict = schedule.end();
    // A consumer also receives the interrupts of vectors that share the host vector.
    if (setting.hostVectors === 1) Object.assign(verdict, { duplicated: 0, wrong: 0 });
    verdict.wrong += virtual.device.liveChanges;
    return { verdict, steps, operations: operations.length };
  };
}

const SETTINGS: readonly Setting[] = (['dynamic', 'upfront'] as const).flatMap((flow) => [
  { flow },
  { flow, slowCpus: true },
  { flow, slowCpus: true, hostVectors: 1 },
]);

for (const setting of SETTINGS) {
  const { flow, slowCpus = false, hostVectors = VECTORS } = setting;
  const cpus = slowCpus ? ', slow CPUs' : '';
  const name = `${flow}${cpus}${hostVectors === 1 ? ', shared' : ''}`;

  test(`${name}: operations on MSI-X, masks, cookies and eventfds lose no interrupt`, (t) => {
    const { runs, total, failures } = explore(runner(setting, OPERATIONS), [0, 1]);
    t.log(`${runs} interleavings, ${total.fired} fired, ${total.delivered} delivered`);
    t.deepEqual(failures, []);
    t.true(total.delivered > 1000);
  });

  test(`${name}: disabling MSI-X loses no pending interrupt`, (t) => {
    const operations = [...OPERATIONS.slice(0, 5), ...DISABLE];
    const { runs, total, failures } = explore(runner(setting, operations), [0, 1]);
    t.log(`${runs} interleavings, ${total.fired} fired, ${total.delivered} delivered`);
    t.deepEqual(failures, []);
  });

  test(`${name}: unbinding a PASID drops only the interrupts of this PASID`, (t) => {
    const operations = [...OPERATIONS.slice(0, 4), ...UNBIND];
    const { runs, total, failures } = explore(runner(setting, operations), [0, STALE]);
    t.log(`${runs} interleavings, ${total.fired} fired, ${total.delivered} delivered`);
    t.deepEqual(failures, []);
  });
}
