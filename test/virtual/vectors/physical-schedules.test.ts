import test from 'ava';
import { type FlowName, PhysicalSource, VirtualMsix } from 'vfio/mock';
import { CONTROL, ENABLE, FUNCTION_MASK, tableOf } from '../msix/guest.js';
import { FakeVfio, type FakeOptions } from './fake-vfio.js';
import { explore, type Interleaving, Schedule } from './schedule.js';

const VECTORS = 3;

/** A guest that reports to the schedule which vectors are allowed to deliver interrupts. */
class Driver {
  readonly msix: VirtualMsix;
  readonly vfio: FakeVfio;
  readonly #unmasked = new Set<number>();
  #control = 0;

  constructor(
    readonly schedule: Schedule,
    options: FakeOptions,
    flow: FlowName,
    vfio: (schedule: Schedule) => FakeVfio,
  ) {
    this.vfio = vfio(schedule);
    this.msix = tableOf(options.vectors);
    this.msix.attach(new PhysicalSource(this.vfio.connection), { flow });
    for (let vector = 0; vector < options.vectors; vector++) {
      schedule.masked(vector, true);
      this.connect(vector);
    }
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
    if ((bits & ENABLE) === 0) this.vfio.driverEnabled = false;
    this.#around(() => {
      this.msix.configWrite(2, 2, bits);
    });
    this.vfio.driverEnabled = (bits & ENABLE) !== 0;
  }

  /**
   * Runs an operation. If an operation unmasks a vector, the vector is allowed to deliver from the
   * start of the operation. If an operation masks a vector, the vector is allowed to deliver until
   * the end.
   */
  #around(operation: () => void): void {
    const live = this.#control === ENABLE;
    const allowed = (vector: number) => live && this.#unmasked.has(vector);
    for (let v = 0; v < this.msix.vectors; v++) if (allowed(v)) this.schedule.masked(v, false);
    operation();
    for (let v = 0; v < this.msix.vectors; v++) if (!allowed(v)) this.schedule.masked(v, true);
  }
}

type Operation = (driver: Driver) => void;

/**
 * Operations: enable MSI-X, unmask vectors, add vectors, mask vectors, swap eventfds, and set and
 * clear Function Mask.
 */
const OPERATIONS: readonly Operation[] = [
  (d) => {
    d.control(ENABLE);
  },
  (d) => {
    d.mask(0, false);
  },
  (d) => {
    d.mask(2, false);
  },
  (d) => {
    d.mask(0, true);
  },
  (d) => {
    d.mask(1, false);
  },
  (d) => {
    d.connect(2);
  },
  (d) => {
    d.mask(0, false);
  },
  (d) => {
    d.control(ENABLE | FUNCTION_MASK);
  },
  (d) => {
    d.connect(0);
  },
  (d) => {
    d.control(ENABLE);
  },
];

const DISABLE: readonly Operation[] = [
  (d) => {
    d.mask(2, true);
  },
  (d) => {
    d.control(0);
  },
  (d) => {
    d.control(ENABLE);
  },
];

function runner(options: FakeOptions, flow: FlowName, operations: readonly Operation[]) {
  return ({ plan, turns }: Interleaving) => {
    let vfio: FakeVfio | undefined;
    const schedule = new Schedule(plan, (vector) => vfio?.fire(vector));
    const driver = new Driver(schedule, options, flow, (s) => (vfio = new FakeVfio(s, options)));
    const turn = () => {
      vfio?.take();
      schedule.turn();
    };
    operations.forEach((operation, i) => {
      schedule.run(() => {
        operation(driver);
      });
      if (turns(i)) turn();
    });
    for (let vector = 0; vector < options.vectors; vector++) driver.mask(vector, false);
    turn();
    const { steps } = schedule;
    return { verdict: schedule.end(), steps, operations: operations.length };
  };
}

const CAUSES = [0, 1, 2];

for (const { flow, growable, slowCpus } of [
  { flow: 'dynamic', growable: true, slowCpus: false },
  { flow: 'dynamic', growable: true, slowCpus: true },
  { flow: 'upfront', growable: true, slowCpus: false },
  { flow: 'upfront', growable: false, slowCpus: true },
] as const) {
  for (const [name, operations] of [
    ['enabling, unmasking, adding, masking and reconnecting vectors', OPERATIONS],
    ['enabling, unmasking, masking and disabling vectors', [...OPERATIONS.slice(0, 4), ...DISABLE]],
  ] as const) {
    const host = `${growable ? 'growable' : 'NORESIZE'}${slowCpus ? ', slow CPUs' : ''}`;
    test(`${flow}, ${host}: ${name} loses no interrupt`, (t) => {
      const options = { vectors: VECTORS, growable, slowCpus };
      const { runs, total, failures } = explore(runner(options, flow, operations), CAUSES);
      t.log(`${runs} interleavings, ${total.fired} fired, ${total.delivered} delivered`);
      t.deepEqual(failures, []);
      t.true(runs > 400);
      t.true(total.delivered > 0);
    });
  }
}

test('no interrupt is lost if any one bind fails', (t) => {
  const options = { vectors: VECTORS, growable: true };
  let vfio: FakeVfio | undefined;
  const count = new Schedule(new Map(), () => undefined);
  const driver = new Driver(count, options, 'dynamic', (s) => (vfio = new FakeVfio(s, options)));
  for (const operation of OPERATIONS) operation(driver);
  const binds = vfio?.binds ?? 0;
  t.true(binds > 8);
  for (let failAt = 0; failAt < binds; failAt++) {
    const run = runner({ ...options, failAt }, 'dynamic', OPERATIONS);
    const { failures } = explore(run, CAUSES, false);
    t.deepEqual(failures, [], `bind ${failAt}`);
  }
});

test('the unmask method `incremental` loses some interrupts and redirects others to INTx', (t) => {
  const options = { vectors: VECTORS, growable: false };
  const { runs, total } = explore(runner(options, 'incremental', OPERATIONS.slice(0, 5)), CAUSES);
  t.log(`${runs} interleavings: ${total.lost} lost, ${total.redirected} redirected`);
  t.true(total.lost > 0);
  t.true(total.redirected > 0);
  t.is(total.duplicated, 0);
  t.is(total.wrong, 0);
});

test('`incremental` binds vector 0 on enable, so that vector 0 pends in the VMM', (t) => {
  const vfio = new FakeVfio(new Schedule(new Map(), () => undefined), {
    vectors: VECTORS,
    growable: false,
  });
  const msix = tableOf(VECTORS);
  msix.attach(new PhysicalSource(vfio.connection), { flow: 'incremental' });
  msix.configWrite(2, 2, ENABLE);
  t.like(vfio.calls[0], { flags: 0x24, start: 0, count: 1 });
  t.truthy(vfio.calls[0]?.eventfds?.[0], 'an eventfd of the VMM is bound');
  t.true(msix.masked(0));
  vfio.fire(0);
  t.false(vfio.entries[0]?.pending, 'the interrupt does not pend in the device');
  t.true(msix.pending(0));

  const consumer = vfio.schedule.consumer(0);
  msix.connect(0, consumer);
  msix.tableWrite(CONTROL, 4, 0);
  t.is(vfio.schedule.verdict.delivered, 1);
  t.like(vfio.calls[1], { start: 0, count: 1, eventfds: [consumer] });

  // While vector 0 is masked, a larger block binds vector 0 to the VMM again.
  msix.tableWrite(CONTROL, 4, 1);
  msix.tableWrite(16 + CONTROL, 4, 0);
  const [again] = vfio.calls.at(-1)?.eventfds ?? [];
  t.truthy(again);
  t.not(again, consumer);
});

for (const flow of ['incremental', 'upfront', 'dynamic'] as const) {
  test(`${flow}: unmasking 16 vectors takes the expected number of SET_IRQS calls`, (t) => {
    const vectors = 16;
    const vfio = new FakeVfio(new Schedule(new Map(), () => undefined), {
      vectors,
      growable: true,
    });
    const msix = tableOf(vectors);
    msix.attach(new PhysicalSource(vfio.connection), { flow });
    msix.configWrite(2, 2, ENABLE);
    for (let vector = 0; vector < vectors; vector++) msix.tableWrite(vector * 16 + CONTROL, 4, 0);
    t.is(vfio.calls.length, flow === 'incremental' ? 2 * vectors : vectors + 1);
    t.is(vfio.torn, flow === 'incremental' ? (vectors * (vectors - 1)) / 2 : 0);
  });
}
