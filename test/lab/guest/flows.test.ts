// Tests the unmask methods (upfront, dynamic, incremental) on real kernels. One test uses 65
// vectors of QEMU's NVMe. Another test uses more vectors than the host has.
import test, { type ExecutionContext } from 'ava';
import { type Eventfd, openDevice, PhysicalSource, type PciDevice, VirtualMsix } from 'vfio';
import { grow } from '../../../bench/flows/grow.js';
import { NvmeFiringDevice } from '../../../bench/flows/nvme-firing-device.js';
import { PolledNvme } from '../../../bench/lib/nvme.js';
import { EDU, NVME } from '../../contract/targets.js';

const { VFIO_LAB_NVME_2: NVME_2048 } = process.env;
const ENABLE = 0x8000;
const CONTROL = 12;
const TIMEOUT_MS = 20_000;

test.serial('with 65 vectors, only the unmask method "incremental" loses interrupts', async (t) => {
  using firing = await NvmeFiringDevice.open(NVME);
  const { vectors: n } = firing;
  const flows = firing.growable ? (['upfront', 'dynamic'] as const) : (['upfront'] as const);
  for (const flow of flows) {
    const growth = grow(firing, { flow, vectors: n, maxFiring: 4 });
    t.log(JSON.stringify(growth));
    t.like(growth, { calls: n + 1, torn: 0, lost: 0, redirected: 0, failed: 0 });
    t.true(growth.fired > 4 * n);
  }
  const growth = grow(firing, { flow: 'incremental', vectors: n, maxFiring: 4 });
  t.log(JSON.stringify(growth));
  t.like(growth, { calls: 2 * n, torn: (n * (n - 1)) / 2, failed: 0 });
  t.true(growth.lost > n / 2);
  t.is(growth.redirected, growth.lost);
});

/** A guest that unmasks 2,048 vectors and counts its interrupts. */
class Guest {
  readonly msix: VirtualMsix;
  readonly physical: PhysicalSource;
  readonly failures = new Map<number, string[]>();
  readonly #eventfds = new Map<number, Eventfd>();

  constructor(readonly device: PciDevice) {
    this.physical = new PhysicalSource(device.connection);
    this.msix = new VirtualMsix({
      vectors: this.physical.count,
      table: { bar: 0, offset: 0 },
      pba: { bar: 1, offset: 0 },
    });
    this.msix.attach(this.physical);
    this.msix.on('failed', (vector, error) => {
      const { code } = error as { code: string };
      this.failures.set(vector, [...(this.failures.get(vector) ?? []), code]);
    });
    this.msix.configWrite(2, 2, ENABLE);
  }

  unmask(vector: number): void {
    this.msix.tableWrite(16 * vector + CONTROL, 4, 0);
  }

  connect(vector: number): void {
    const eventfd = this.device.createEventfd();
    this.#eventfds.set(vector, eventfd);
    this.msix.connect(vector, eventfd);
  }

  /** Waits for the expected number of deliveries, and returns the actual number. */
  taken(vector: number, expected: bigint): bigint {
    const eventfd = this.#eventfds.get(vector);
    const until = performance.now() + TIMEOUT_MS;
    let taken = 0n;
    do taken += eventfd?.read() ?? 0n;
    while (taken < expected && performance.now() < until);
    return taken;
  }

  states(state: string): number[] {
    const all = Array.from({ length: this.msix.vectors }, (_, vector) => vector);
    return all.filter((vector) => this.msix.state(vector) === state);
  }

  pending(vector: number): boolean {
    const bits = this.msix.pbaRead(8 * (vector >>> 6), 8);
    return ((bits >> BigInt(vector & 63)) & 1n) === 1n;
  }
}

// An ITS has an interrupt for each of the 2,048 vectors.
const onMany = NVME_2048 === undefined || process.arch === 'arm64' ? test.skip : test.serial;

onMany(
  'if the host runs out of vectors, some of 2,048 unmasked vectors fail and the others work',
  async (t: ExecutionContext) => {
    // The vector of edu is released later, so that the host has a free vector again.
    const edu = await openDevice(EDU);
    edu.interrupts.msi.request(0);
    const device = await openDevice(NVME_2048 ?? '');
    try {
      const guest = new Guest(device);
      const { msix, failures } = guest;
      t.is(msix.vectors, 2048);
      for (let vector = 0; vector < 2048; vector++) {
        guest.connect(vector);
        guest.unmask(vector);
      }
      const requested = guest.states('requested');
      const failed = guest.states('failed');
      const host = guest.physical.growable ? 'grows' : 'NORESIZE';
      t.log(`${host}: ${requested.length} requested, ${failed.length} failed`);
      t.true(requested.length > 100 && failed.length > 1000);
      t.is(requested.length + failed.length, 2048);
      t.deepEqual([...failures.keys()], failed);
      for (const codes of failures.values()) t.deepEqual(codes, ['ENOSPC']);
      for (const vector of failed) t.is(msix.tableRead(16 * vector + CONTROL, 4), 0);

      const nvme = await PolledNvme.start(device, 2047);
      const working = [1, requested.at(-1) ?? 0];
      const broken = [failed[0] ?? 0, failed[1] ?? 0, 2047];
      const queues = new Map<number, Awaited<ReturnType<PolledNvme['createQueue']>>>();
      for (const [i, vector] of [...working, ...broken].entries()) {
        queues.set(vector, await nvme.createQueue(i + 1, vector));
      }
      const fire = (vectors: readonly number[]) => {
        nvme.fireNow(vectors.flatMap((vector) => queues.get(vector) ?? []));
      };
      for (let n = 0; n < 10; n++) {
        fire([...working, ...broken]);
        for (const vector of working) t.is(guest.taken(vector, 1n), 1n, `vector ${vector} works`);
      }
      for (const vector of broken) {
        t.true(guest.pending(vector), `vector ${vector} is pending`);
        t.is(guest.taken(vector, 0n), 0n);
      }

      const [first = 0, second = 0] = broken;
      edu.close();
      guest.unmask(first);
      t.is(msix.state(first), 'requested');
      t.is(guest.taken(first, 1n), 1n, 'a pending interrupt is delivered once');
      t.false(guest.pending(first));
      guest.unmask(second);
      t.is(msix.state(second), 'failed');
      t.deepEqual(
        failures.get(second),
        ['ENOSPC', 'ENOSPC'],
        'each failed attempt emits one event',
      );
      t.deepEqual(failures.get(first), ['ENOSPC']);
      t.true(guest.pending(second));
      fire([first, ...working]);
      for (const vector of [first, ...working]) t.is(guest.taken(vector, 1n), 1n);
      guest.physical.close();
    } finally {
      device.close();
      edu.close();
    }
  },
);
