import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  type Eventfd,
  type EventSet,
  PhysicalSource,
  type PciDevice,
  VfioError,
  VirtualMsix,
} from 'vfio';
import { PolledNvme } from '../../bench/lib/nvme.js';
import { enable, NVME, withDevice } from './targets.js';

const MSIX = 2;
const LOOPBACK = 0x21;
const CONTROL = 12;
const ENABLE = 0x8000;
const FUNCTION_MASK = 0x4000;
const TIMEOUT_MS = 5000;
/** Number of spare eventfds that can replace the first eventfd of a vector. */
const SWAPS = 100;

/** A guest with a virtual MSI-X table. The vectors of the device serve the virtual vectors. */
class Guest {
  readonly msix: VirtualMsix;
  readonly physical: PhysicalSource;
  readonly #device: PciDevice;
  readonly #events: EventSet;
  readonly #eventfds = new Map<number, { slot: number; eventfd: Eventfd }>();
  /** For each slot of the event set, the vector of its eventfd. */
  readonly #vectors: number[] = [];
  readonly #left: [number, bigint][] = [];
  #nextSlot = 0;

  constructor(device: PciDevice) {
    const shape = device.config.details('msix');
    if (shape === undefined) throw new Error('no MSI-X');
    const { vectors, table, pba } = shape;
    this.#device = device;
    this.#events = device.connection.createEventSet(vectors + SWAPS);
    this.physical = new PhysicalSource(device.connection);
    this.msix = new VirtualMsix({
      vectors,
      table: { bar: table.bir, offset: table.offset },
      pba: { bar: pba.bir, offset: pba.offset },
    });
    this.msix.attach(this.physical);
    this.msix.on('failed', (_vector, error) => {
      throw error;
    });
  }

  /** Connects a new eventfd to a vector. Unread signals of the old eventfd count as deliveries. */
  connect(vector: number): void {
    const before = this.#eventfds.get(vector);
    const slot = this.#nextSlot++;
    const eventfd = this.#device.createEventfd();
    this.#events.add(slot, eventfd, true);
    this.#vectors[slot] = vector;
    this.#eventfds.set(vector, { slot, eventfd });
    this.msix.connect(vector, eventfd);
    if (before === undefined) return;
    const count = before.eventfd.read();
    if (count > 0n) this.#left.push([vector, count]);
    this.#events.remove(before.slot);
    before.eventfd.close();
  }

  control(bits: number): void {
    this.msix.configWrite(2, 2, bits);
  }

  mask(vector: number, masked: boolean): void {
    this.msix.tableWrite(vector * 16 + CONTROL, 4, masked ? 1 : 0);
  }

  /** Triggers the bound eventfd of a vector by loopback, without an interrupt of the device. */
  loopback(vector: number): void {
    const { connection } = this.#device;
    connection.setIrqs({ index: MSIX, flags: LOOPBACK, start: vector, count: 1 });
  }

  /** Waits up to a timeout for deliveries, and returns pairs of vector and count. */
  delivered(timeoutMs: number): [number, bigint][] {
    const left = this.#left.splice(0);
    if (left.length > 0) return left;
    const n = this.#events.wait(timeoutMs);
    const { fired, counts } = this.#events;
    return Array.from({ length: n }, (_, i) => [
      this.#vectors[fired[i] ?? -1] ?? -1,
      counts[i] ?? 0n,
    ]);
  }

  /**
   * Waits until the pending bit of a vector is set. The interrupt can still be under way when this
   * function is called.
   */
  async pending(vector: number): Promise<void> {
    const until = performance.now() + TIMEOUT_MS;
    while (!this.msix.pending(vector)) {
      if (performance.now() > until)
        throw new Error(`vector ${vector} is not pending after ${TIMEOUT_MS} ms`);
      await delay(1);
    }
  }

  close(): void {
    this.physical.close();
    this.#events.close();
    for (const { eventfd } of this.#eventfds.values()) eventfd.close();
  }
}

async function withGuest(
  t: ExecutionContext,
  body: (guest: Guest, device: PciDevice) => unknown,
): Promise<void> {
  await withDevice(t, NVME, async (device) => {
    enable(device);
    const guest = new Guest(device);
    t.log(guest.physical.growable ? 'grows' : 'NORESIZE');
    try {
      guest.control(ENABLE);
      await body(guest, device);
    } finally {
      guest.close();
    }
  });
}

test.serial('virtual MSI-X: an unmasked physical vector signals the consumer', async (t) => {
  await withGuest(t, (guest) => {
    for (const vector of [0, 7, 64]) {
      guest.connect(vector);
      guest.mask(vector, false);
      t.is(guest.msix.state(vector), 'requested');
      guest.loopback(vector);
      t.deepEqual(guest.delivered(TIMEOUT_MS), [[vector, 1n]]);
    }
  });
});

test.serial(
  'virtual MSI-X: interrupts of a masked vector become pending, and unmask delivers one interrupt',
  async (t) => {
    await withGuest(t, (guest) => {
      guest.connect(3);
      guest.mask(3, false);
      guest.mask(3, true);
      guest.loopback(3);
      guest.loopback(3);
      t.is(guest.msix.pbaRead(0, 8), 8n);
      t.deepEqual(guest.delivered(0), []);
      guest.mask(3, false);
      t.deepEqual(guest.delivered(TIMEOUT_MS), [[3, 1n]]);
      t.is(guest.msix.pbaRead(0, 8), 0n);
      guest.control(ENABLE | FUNCTION_MASK);
      guest.loopback(3);
      t.true(guest.msix.pending(3));
      guest.control(ENABLE);
      t.deepEqual(guest.delivered(TIMEOUT_MS), [[3, 1n]]);
      t.deepEqual(guest.delivered(0), []);
    });
  },
);

test.serial('virtual MSI-X: device.interrupts and a source never use MSI-X together', async (t) => {
  await withDevice(t, NVME, (device) => {
    const { msix, msi, intx } = device.interrupts;
    const physical = new PhysicalSource(device.connection);
    const busy = { instanceOf: VfioError, code: 'EBUSY' };
    msix.enable();
    const taken = t.throws(() => {
      physical.allocate(1);
    }, busy);
    t.regex(taken.message, /msix is in use by device\.interrupts/);
    t.is(taken.hint, 'Call device.interrupts.msix.disable() first.');
    msix.disable();
    t.false(msix.active);

    const consumer = device.createEventfd();
    physical.allocate(1);
    physical.request(0, consumer);
    t.true(msix.active);
    const refused = t.throws(() => msix.request(2), busy);
    t.regex(refused.message, /msix is in use by a PhysicalSource/);
    t.regex(refused.hint ?? '', /Close the PhysicalSource/);
    t.throws(() => {
      msix.enable();
    }, busy);
    if (intx.count > 0) t.throws(() => intx.request(), busy);
    if (msi.count > 0) t.throws(() => msi.request(0), busy);
    msix.disable();
    t.true(msix.active, 'device.interrupts does not disable the index of the source');
    device.connection.setIrqs({ index: MSIX, flags: LOOPBACK, start: 0, count: 1 });
    t.is(consumer.read(), 1n);

    physical.close();
    t.false(msix.active);
    msix.request(2).close();
    msix.disable();
    physical.allocate(1);
    physical.close();
  });
});

test.serial('virtual MSI-X: a signal that the source has not read yet is not lost', async (t) => {
  await withGuest(t, (guest) => {
    guest.connect(2);
    guest.mask(2, false);
    for (let n = 0; n < 50; n++) {
      guest.mask(2, true);
      guest.loopback(2);
      // The event loop does not turn here, so the signal is still unread.
      if (n % 2 === 0) guest.connect(2);
      guest.mask(2, false);
      t.deepEqual(guest.delivered(TIMEOUT_MS), [[2, 1n]]);
    }
    t.deepEqual(guest.delivered(0), []);
  });
});

test.serial('virtual MSI-X: a mask, an unmask or a new eventfd loses no interrupt', async (t) => {
  await withGuest(t, async (guest, device) => {
    const nvme = await PolledNvme.start(device);
    const queue = await nvme.createQueue(1);
    guest.connect(1);
    guest.mask(1, false);
    await nvme.fire(queue);
    t.deepEqual(guest.delivered(TIMEOUT_MS), [[1, 1n]]);
    for (let n = 0; n < 40; n++) {
      guest.mask(1, true);
      await nvme.fire(queue);
      await guest.pending(1);
      t.deepEqual(guest.delivered(0), [], 'a masked vector delivers no interrupt');
      if (n % 3 === 0) guest.connect(1);
      guest.mask(1, false);
      t.deepEqual(guest.delivered(TIMEOUT_MS), [[1, 1n]]);
      const done = nvme.fire(queue);
      // The command is still under way here.
      if (n % 3 === 1) guest.connect(1);
      else guest.mask(1, n % 2 === 0);
      await done;
      guest.mask(1, false);
      const seen = guest.delivered(TIMEOUT_MS);
      t.deepEqual(seen, [[1, 1n]], `round ${n}`);
    }
    t.deepEqual(guest.delivered(0), []);
  });
});

test.serial(
  'virtual MSI-X: an interrupt that fires before the first unmask becomes pending',
  async (t) => {
    await withGuest(t, async (guest, device) => {
      const nvme = await PolledNvme.start(device);
      const queue = await nvme.createQueue(2);
      await nvme.fire(queue);
      await guest.pending(2);
      t.is(guest.msix.state(2), guest.physical.growable ? 'idle' : 'allocated');
      guest.connect(2);
      guest.mask(2, false);
      t.deepEqual(guest.delivered(TIMEOUT_MS), [[2, 1n]]);
      t.false(guest.msix.pending(2));
    });
  },
);

test.serial('virtual MSI-X: a vector is added while other vectors keep firing', async (t) => {
  await withGuest(t, async (guest, device) => {
    const nvme = await PolledNvme.start(device);
    const queues = [];
    for (let vector = 1; vector <= 6; vector++) {
      guest.connect(vector);
      queues.push(await nvme.createQueue(vector));
      const firing = queues.slice(0, -1).map((queue) => nvme.fire(queue));
      guest.mask(vector, false);
      await Promise.all(firing);
      const expected = new Set(firing.map((_, i) => i + 1));
      const until = performance.now() + TIMEOUT_MS;
      while (expected.size > 0 && performance.now() < until) {
        for (const [seen, count] of guest.delivered(10)) {
          t.is(count, 1n);
          t.true(expected.delete(seen), `vector ${seen}`);
        }
      }
      t.deepEqual([...expected], [], 'lost');
    }
  });
});
