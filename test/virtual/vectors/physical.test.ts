import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import {
  Budget,
  createEventfd,
  openConnection,
  openDevice,
  PhysicalSource,
  SoftwareSource,
  VfioError,
} from 'vfio/mock';
import { CONTROL, ENABLE, Guest, tableOf } from '../msix/guest.js';
import { FakeVfio, type FakeOptions } from './fake-vfio.js';
import { Schedule } from './schedule.js';

function fake(options: FakeOptions, account = new Budget().account('')) {
  const vfio: FakeVfio = new FakeVfio(new Schedule(new Map(), () => undefined), options);
  const msix = tableOf(options.vectors);
  msix.attach(new PhysicalSource(vfio.connection, { account }));
  const guest = new Guest(msix);
  const failed: number[] = [];
  msix.on('failed', (vector) => failed.push(vector));
  guest.control(ENABLE);
  return { vfio, msix, guest, failed };
}

test('only an unmasked vector is bound to the eventfd of the consumer', (t) => {
  const { vfio, guest } = fake({ vectors: 2, growable: true });
  t.deepEqual(vfio.calls, [{ index: 2, flags: 0x24, start: 0, count: 1, eventfds: [null] }]);
  guest.unmask(1);
  t.is(vfio.entries[1]?.eventfd, guest.eventfds[1]);
  guest.mask(1);
  const ours = vfio.entries[1]?.eventfd;
  t.truthy(ours);
  t.not(ours, guest.eventfds[1]);
  guest.unmask(1);
  t.is(vfio.entries[1]?.eventfd, guest.eventfds[1]);
  t.is(vfio.calls.length, 4);
  t.is(vfio.torn, 0);
});

test('an interrupt is visible in the pending bits before the event loop turns', (t) => {
  const { vfio, msix, guest } = fake({ vectors: 40, growable: true });
  guest.unmask(35);
  guest.mask(35);
  vfio.fire(35);
  t.is(msix.pbaRead(0, 8), 1n << 35n);
  t.is(guest.taken(35), 0);
  msix.withdraw(35);
  vfio.schedule.turn();
  t.is(msix.pbaRead(0, 8), 0n);
  vfio.fire(35);
  guest.unmask(35);
  t.is(guest.taken(35), 1);
});

test('before the first unmask, an interrupt becomes pending in the device and in the virtual table', (t) => {
  const { vfio, msix, guest } = fake({ vectors: 40, growable: true });
  vfio.fire(33);
  t.is(msix.pbaRead(4, 4), 2);
  guest.unmask(33);
  t.is(guest.taken(33), 1);
  t.is(msix.pbaRead(4, 4), 0);
});

for (const growable of [true, false]) {
  test(`unmasking a vector retries its failed request${growable ? '' : ' (NORESIZE)'}`, (t) => {
    const { vfio, msix, guest, failed } = fake({ vectors: 4, growable, capacity: 2 });
    for (const vector of [0, 1, 2]) guest.unmask(vector);
    t.deepEqual(failed, [2]);
    t.is(msix.state(2), 'failed');
    t.is(msix.tableRead(2 * 16 + CONTROL, 4), 0, 'the mask bit stays 0 after the failed request');
    for (const vector of [0, 1, 2]) vfio.fire(vector);
    t.deepEqual([guest.taken(0), guest.taken(1), guest.taken(2)], [1, 1, 0]);
    t.is(msix.pbaRead(0, 4), 4);
    guest.unmask(2);
    t.deepEqual(failed, [2, 2], 'each failed attempt emits one event');
    vfio.connection.setIrqs({ index: 2, flags: 0x24, start: 0, count: 1, eventfds: [null] });
    guest.unmask(2);
    t.is(msix.state(2), 'requested');
    t.is(guest.taken(2), 1);
    t.is(msix.pbaRead(0, 4), 0);
    t.deepEqual(failed, [2, 2]);
  });
}

test('a quota limits the number of host vectors of an account', (t) => {
  const account = new Budget({ quota: { vectors: 1 } }).account('guest');
  const { msix, guest, failed } = fake({ vectors: 3, growable: true }, account);
  guest.unmask(0);
  guest.unmask(1);
  t.deepEqual(failed, [1]);
  t.is(account.usage.vectors, 1);
  guest.mask(0);
  t.is(account.usage.vectors, 1, 'masking a vector does not release its host vector');
  msix.reset();
  t.is(account.usage.vectors, 0);
});

test('a budget per CPU puts each vector on the CPU with the fewest vectors', (t) => {
  const budget = new Budget({ cpus: { ids: [0, 1], vectors: 1 } });
  const { vfio, guest, failed } = fake({ vectors: 3, growable: true }, budget.account('guest'));
  for (const vector of [0, 1, 2]) guest.unmask(vector);
  t.deepEqual(
    [...vfio.affinity],
    [
      [0, [0]],
      [1, [1]],
    ],
  );
  t.deepEqual(failed, [2]);
  t.deepEqual([...budget.cpuUsage().values()], [1, 1]);
});

test('signals of a vector without a consumer are dropped and counted', async (t) => {
  await using device = await openDevice('mock:nvme');
  using physical = new PhysicalSource(device.connection);
  const msix = tableOf(4);
  msix.attach(physical);
  msix.configWrite(2, 2, ENABLE);
  msix.tableWrite(CONTROL, 4, 0);
  device.connection.setIrqs({ index: 2, flags: 0x21, start: 0, count: 1 });
  await turn();
  t.is(msix.dropped(0), 1);
  const eventfd = createEventfd();
  msix.connect(0, eventfd);
  device.connection.setIrqs({ index: 2, flags: 0x21, start: 0, count: 1 });
  t.is(eventfd.read(), 1n);
});

test('several sources can serve one table, each with its own range of vectors', (t) => {
  const vfio: FakeVfio = new FakeVfio(new Schedule(new Map(), () => undefined), {
    vectors: 4,
    growable: true,
  });
  const msix = tableOf(12);
  const software = new SoftwareSource(msix);
  const physical = new PhysicalSource(vfio.connection);
  software.emulate(0, 2);
  software.emulate(10, 2);
  msix.attach(physical, { first: 6, base: 0, count: 2 });
  msix.attach(physical, { first: 8, base: 2 });
  t.throws(
    () => {
      msix.attach(physical, { first: 2, base: 1, count: 1 });
    },
    { instanceOf: VfioError, code: 'EINVAL' },
  );
  t.throws(
    () => {
      msix.attach(physical, { first: 9, base: 3 });
    },
    { instanceOf: VfioError, code: 'EBUSY' },
  );
  const guest = new Guest(msix);
  for (let vector = 0; vector < 12; vector++) guest.unmask(vector);
  guest.control(ENABLE);
  software.sendSignals([0, 1, 10, 11]);
  for (let vector = 0; vector < 4; vector++) vfio.fire(vector);
  const taken = Array.from({ length: 12 }, (_, vector) => guest.taken(vector));
  t.deepEqual(taken, [1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
  t.is(msix.state(2), 'idle');
});

test('a physical source can be attached to only one table and supports no cookies', async (t) => {
  const connection = await openConnection('mock:nvme');
  using physical = new PhysicalSource(connection);
  tableOf(65).attach(physical);
  const other = tableOf(65);
  t.throws(
    () => {
      other.attach(physical);
    },
    { instanceOf: VfioError, code: 'EBUSY' },
  );
  t.throws(
    () => {
      physical.setCookie(0);
    },
    { instanceOf: VfioError, code: 'EINVAL' },
  );
  const edu = await openConnection('mock:edu');
  t.throws(() => new PhysicalSource(edu), { instanceOf: VfioError, code: 'ENOTSUP' });
  edu.close();
  physical.close();
  connection.close();
});
