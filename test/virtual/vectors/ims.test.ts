import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import {
  Budget,
  DeviceHostVectors,
  DSA_LAYOUT,
  ImsDomain,
  ImsSource,
  memoryStorage,
  openDevice,
  PasidMap,
  SoftwareSource,
  type SlotLayout,
} from 'vfio/mock';
import { dsa } from '../ims/bench.js';
import { CONTROL, ENABLE, Guest, tableOf } from '../msix/guest.js';
import { DEFAULT, refuses, virtual } from './virtual-ims.js';

test('a vector that is allocated or requested has a slot with a handle', (t) => {
  const released: number[] = [];
  const handles = {
    request: (index: number) => 0x100 + index,
    release: (handle: number) => released.push(handle),
  };
  const { domain, source, guest, msix, complete, device } = virtual(4, {}, { handles });
  domain.allocate();
  guest.control(ENABLE);
  t.is(source.slotOf(0)?.handle, 0x101);
  t.is(msix.state(0), 'allocated');
  guest.unmask(3);
  t.is(source.slotOf(3)?.index, 2);
  t.is(source.vectorOf(2), 3);
  t.is(source.vectorOf(7), undefined);
  t.is(source.slotOf(1), undefined);
  device.complete(2, DEFAULT);
  t.is(guest.taken(3), 1);
  t.false(complete(3, DEFAULT), 'the device does not accept the handle as the index of a slot');
  msix.reset();
  t.deepEqual(released, [0x101, 0x102]);
  t.is(domain.used, 1);
});

test('a cookie can be set before its vector is requested and while the vector is in use', (t) => {
  const { guest, msix, source, device, complete } = virtual(2);
  msix.setCookie(1, 7);
  guest.control(ENABLE);
  guest.unmask(0);
  guest.unmask(1);
  t.is(device.pasid(source.slotOf(0)?.index ?? -1), DEFAULT);
  t.true(complete(1, 7));
  t.false(complete(1, DEFAULT));
  t.is(guest.taken(1), 1);
  msix.setCookie(1, 8);
  t.true(complete(1, 8));
  t.is(guest.taken(1), 1);
  guest.mask(1);
  complete(1, 8);
  msix.setCookie(1, 9);
  t.is(msix.pbaRead(0, 4), 2, 'an interrupt from before the change of the cookie stays pending');
  guest.unmask(1);
  t.is(guest.taken(1), 1);
  guest.control(0);
  guest.control(ENABLE);
  t.true(complete(1, 9), 'the cookie stays set while MSI-X is disabled');
  t.throws(
    () => {
      msix.setCookie(1, 2 ** 20);
    },
    { instanceOf: RangeError },
  );
});

test('a vector with a cookie cannot be emulated, and an emulated vector has no slot', (t) => {
  const { domain, msix, guest, source } = virtual(4);
  const software = new SoftwareSource(msix);
  msix.setCookie(2, 1);
  refuses(t, 'EBUSY', () => {
    software.emulate(1, 2);
  });
  t.false(software.emulates(1));
  software.emulate(0, 1);
  refuses(t, 'EINVAL', () => {
    msix.setCookie(0, 1);
  });
  guest.control(ENABLE);
  t.is(domain.used, 0);
  t.is(source.slotOf(0), undefined);
  guest.unmask(0);
  guest.unmask(1);
  t.is(software.sendSignal(0), 'delivered');
  t.is(domain.used, 1);
  t.throws(
    () => {
      software.emulate(1, 1);
    },
    { code: 'EBUSY' },
    'requested',
  );
});

test('a signal of a host vector reaches all unmasked virtual vectors that share the host vector', async (t) => {
  const { host, guest, msix, complete, source } = virtual(4, { hostVectors: 2 });
  guest.control(ENABLE);
  for (const vector of [0, 1]) guest.unmask(vector);
  complete(0, DEFAULT);
  t.is(
    guest.taken(0),
    1,
    'a virtual vector with its own host vector is signalled without the event loop',
  );
  for (const vector of [2, 3]) guest.unmask(vector);
  t.is(host.used, 2);
  const shared = source.slotOf(0)?.vector;
  const sharing = [...(shared?.slots ?? [])].map(({ index }) => source.vectorOf(index));
  t.deepEqual(sharing, [0, 2]);
  complete(2, DEFAULT);
  t.is(guest.taken(2), 0);
  await turn();
  const taken = [0, 1, 2, 3].map((vector) => guest.taken(vector));
  t.deepEqual(taken, [1, 0, 1, 0]);
  guest.mask(0);
  complete(2, DEFAULT);
  await turn();
  t.is(
    msix.pbaRead(0, 4),
    0,
    'the interrupt of another slot does not set the pending bit of a masked vector',
  );
  t.deepEqual([guest.taken(0), guest.taken(2)], [0, 1]);
  complete(0, DEFAULT);
  t.is(msix.pbaRead(0, 4), 1);
  guest.unmask(0);
  await turn();
  t.is(guest.taken(0), 1);
});

test('the CPU of a slot’s interrupt is the CPU of the slot’s host vector', (t) => {
  const budget = new Budget({ cpus: { ids: [2, 3], vectors: 1 } });
  const account = budget.account('guest');
  const { guest, source, failed } = virtual(3, { account, cpus: [3, 2] });
  guest.control(ENABLE);
  for (const vector of [0, 1, 2]) guest.unmask(vector);
  t.deepEqual(source.slotOf(0)?.vector?.getAffinity(), [3]);
  t.deepEqual(source.slotOf(1)?.vector?.getAffinity(), [2]);
  t.deepEqual(failed, [[2, 'ENOSPC']]);
  t.deepEqual(account.usage, { slots: 2, vectors: 2, pasids: 1 });
  source.close();
  t.deepEqual(account.usage, { slots: 0, vectors: 0, pasids: 0 });
});

test('a request above the quota of a guest fails; the quota of other guests is not affected', (t) => {
  const budget = new Budget({ quota: { slots: 2 } });
  const { domain } = dsa(8);
  const guests = ['one', 'two'].map((owner) => {
    const pasids = new PasidMap(owner === 'one' ? 1 : 2);
    const source = new ImsSource(domain, { count: 3, pasids, account: budget.account(owner) });
    const msix = tableOf(3);
    msix.attach(source);
    const failed: number[] = [];
    msix.on('failed', (vector) => failed.push(vector));
    return { guest: new Guest(msix), msix, failed };
  });
  for (const { guest } of guests) {
    guest.control(ENABLE);
    for (const vector of [0, 1, 2]) guest.unmask(vector);
  }
  t.deepEqual(
    guests.map(({ failed }) => failed),
    [[2], [2]],
  );
  t.is(domain.used, 4);
  guests[0]?.guest.control(0);
  t.is(budget.usage('one').slots, 0);
  t.is(budget.usage('two').slots, 2);
  t.is(guests[1]?.msix.state(1), 'requested');
});

const PLAIN: SlotLayout = { name: 'plain', stride: 12, addressLow: 0, addressHigh: 4, data: 8 };

test('the host vector of a slot without mask bits is never moved', async (t) => {
  const { host } = dsa(1);
  const storage = memoryStorage(new Uint8Array(48));
  const domain = new ImsDomain({ layout: PLAIN, storage, hostVectors: host });
  const source = new ImsSource(domain, { count: 2 });
  const msix = tableOf(2);
  msix.attach(source);
  const guest = new Guest(msix);
  guest.control(ENABLE);
  guest.unmask(1);
  const fire = () => {
    const slot = source.slotOf(1);
    if (slot !== undefined) host.send(slot.read().message);
  };
  fire();
  await turn();
  t.is(guest.taken(1), 1);
  const { binds } = host;
  guest.mask(1);
  fire();
  fire();
  t.is(msix.pbaRead(0, 4), 2);
  msix.connect(1, guest.eventfds[0] ?? null);
  guest.unmask(1);
  t.is(guest.taken(0), 1);
  t.is(host.binds, binds);
  refuses(t, 'ENOTSUP', () => {
    msix.setCookie(1, 4);
  });
  guest.control(0);
  t.is(host.used, 0);
});

test('an interrupt message store can use the MSI-X vectors of an open device', async (t) => {
  await using device = await openDevice('mock:nvme');
  device.config.update('command', { memory: 1 });
  using registers = device.bar(0).map();
  t.is(device.config.details('msix')?.table.offset, 0x2000);
  const message = (vector: number) => {
    const at = 0x2000 + vector * 16;
    const high = BigInt(registers.read32(at + 4)) << 32n;
    return { address: high | BigInt(registers.read32(at)), data: registers.read32(at + 8) };
  };
  const hostVectors = new DeviceHostVectors(device.connection, { message, first: 4, count: 2 });
  const domain = new ImsDomain({
    layout: DSA_LAYOUT,
    storage: memoryStorage(new Uint8Array(64)),
    hostVectors,
  });
  const source = new ImsSource(domain, { count: 3 });
  const msix = tableOf(3);
  msix.attach(source);
  const guest = new Guest(msix);
  const failed: number[] = [];
  msix.on('failed', (vector) => failed.push(vector));
  guest.control(ENABLE);
  for (const vector of [0, 1, 2]) msix.tableWrite(vector * 16 + CONTROL, 4, 0);
  t.deepEqual(failed, [2], 'the third vector fails, because the host has only two vectors');
  const used = [0, 1].map((vector) => source.slotOf(vector)?.read().message);
  t.deepEqual(used, [message(4), message(5)]);
  t.not(used[0]?.address, used[1]?.address);
  device.connection.setIrqs({ index: 2, flags: 0x21, start: 4, count: 1 });
  t.deepEqual([guest.taken(0), guest.taken(1)], [1, 0]);
  source.slotOf(0)?.vector?.setAffinity([0]);
  t.deepEqual(source.slotOf(0)?.vector?.getAffinity(), [0]);
  source.close();
  t.throws(() => {
    device.connection.setIrqs({ index: 2, flags: 0x21, start: 66, count: 1 });
  });
  hostVectors.close();
  t.throws(() => {
    device.connection.setIrqs({ index: 2, flags: 0x21, start: 4, count: 1 });
  });
});
