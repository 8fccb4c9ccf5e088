import { once } from 'node:events';
import test from 'ava';
import type { DeviceConnection } from '../../lib/contract/index.js';
import { mockBackend } from '../../lib/backend/mock/index.js';
import { eduDemo } from '../../lib/demo/edu.js';
import { deviceApi } from '../../lib/device/open.js';
import {
  observeBackend,
  observeConnection,
  type Call,
  type Observer,
  type Outcome,
} from '../../lib/observe/index.js';
import { FakeConnection } from '../device/fake.js';

/** Collects calls in the order in which the calls began. */
function recorder() {
  const calls: (Call & { outcome?: Outcome })[] = [];
  const observer: Observer = (call) => {
    const entry: Call & { outcome?: Outcome } = { ...call };
    calls.push(entry);
    return (outcome) => {
      entry.outcome = outcome;
    };
  };
  const names = () => calls.map(({ subject, method }) => `${subject.kind}.${method}`);
  return { calls, observer, names };
}

function open(observer: Observer) {
  return deviceApi([observeBackend(mockBackend, [observer])]);
}

test('the calls on a created address space are observed, and its PASID is attached', (t) => {
  const { observer, names } = recorder();
  const api = deviceApi([observeBackend(mockBackend, [observer, observer])]);
  const device = api.openDeviceSync('mock:dsa#observed');
  const space = device.createAddressSpace();
  device.attachPasid(5, { addressSpace: space });
  device.attachPasid(6, { addressSpace: device.connection.addressSpace });
  t.throws(
    () => {
      space.close();
    },
    { code: 'EBUSY' },
  );
  device.close();
  space.close();
  for (const name of ['device.createAddressSpace', 'device.attachPasid', 'createdSpace.close']) {
    t.true(names().includes(name), name);
  }
});

test('a driver works without changes, and the observer receives each call with its outcome', async (t) => {
  const { calls, observer, names } = recorder();
  const device = await open(observer).openDevice('mock:edu#observed');
  const report = await eduDemo(device);
  device.close();
  t.true(report.ok);
  t.is(calls.filter(({ outcome }) => outcome === undefined).length, 0);
  for (const name of [
    'device.setIrqs',
    'device.map',
    'window.write32',
    'window.write64',
    'addressSpace.allocate',
    'addressSpace.map',
    'eventSet.serve',
    'eventSet.deliver',
    'device.close',
  ]) {
    t.true(names().includes(name), name);
  }
  // Slot 0 of the event set belongs to the REQ interrupt. Every open device listens for REQ.
  const delivered = calls.filter(({ method }) => method === 'deliver');
  t.deepEqual(delivered[0]?.args, [{ slot: 1, count: 1n }]);
  t.is(names().at(-1), 'device.close');
  const write = calls.find(({ method }) => method === 'write32');
  t.is(write?.subject.region, 0);
  t.is(write?.subject.device, 'mock:edu#observed');
});

test('an observed call returns its result, error or promise unchanged, and reports the outcome', async (t) => {
  const fake = new FakeConnection();
  const { calls, observer } = recorder();
  const connection = observeConnection(fake, observer);
  t.is(connection.name, fake.name);
  t.deepEqual(connection.getInfo(), { flags: 3, numRegions: 10, numIrqs: 5 });
  t.throws(() => connection.getRegionInfo(8), { code: 'EINVAL' });
  const outcome = calls.at(-1)?.outcome;
  t.true(outcome !== undefined && 'error' in outcome);
  const reset = connection.reset();
  t.is(calls.at(-1)?.outcome, undefined);
  await reset;
  t.deepEqual(calls.at(-1)?.outcome, { value: undefined });
});

test('a delivery by spin() is reported to the observer', async (t) => {
  const { calls, observer } = recorder();
  const device = await open(observer).openDevice('mock:edu#by-hand');
  device.config.update('command', { memory: 1, bus_master: 1 });
  device.interrupts.msi.request(0);
  const registers = device.bar(0).map();
  const poller = device.interrupts.poll();
  registers.write32(0x60, 1);
  t.is(poller.spin(0), 1);
  const [spin, deliver] = calls.slice(-2);
  t.is(spin?.method, 'spin');
  t.deepEqual(spin?.outcome, { value: 1 });
  t.is(deliver?.method, 'deliver');
  device.close();
});

test('an observed window emits the events and has the properties of the original window', async (t) => {
  const { observer } = recorder();
  const device = await open(observer).openDevice('mock:edu#window');
  device.config.update('command', { memory: 1 });
  const registers = device.bar(0).map();
  const lost = once(registers, 'lost');
  device.config.update('command', { memory: 0 });
  t.is(registers.read32(0), 0xffff_ffff);
  t.true(registers.lost);
  t.is(registers.size, Number(device.bar(0).size));
  await lost;
  device.close();
});

test('observed devices share an address space, and hotReset() receives the original connections', (t) => {
  const { observer } = recorder();
  const a = new FakeConnection();
  const b = new FakeConnection(a.addressSpace);
  const given: DeviceConnection[] = [];
  a.hotReset = (others: readonly DeviceConnection[]) => {
    given.push(...others);
  };
  const [first, second] = [a, b].map((fake) => observeConnection(fake, observer));
  t.is(first?.addressSpace, second?.addressSpace);
  t.not(first?.addressSpace, a.addressSpace);
  const twice = observeConnection(second ?? b, observer);
  first?.hotReset([twice]);
  t.is(given[0], b);
});

test('observeBackend() returns the original back end if no observer is given', (t) => {
  t.is(observeBackend(mockBackend, []), mockBackend);
});
