/**
 * Unit test of a driver with ava. A mock device needs no native addon, so the test runs on any
 * machine. In a copy of the folder that tsc has compiled:
 *
 *   npx ava factorial.ava.test.js
 */
import test from 'ava';
import { openDevice } from 'vfio/mock';
import { FactorialEngine } from './factorial.js';

test('compute returns the factorial', async (t) => {
  await using device = await openDevice('mock:edu#computes');
  const engine = new FactorialEngine(device);
  t.is(await engine.compute(5), 120);
  t.is(await engine.compute(12), 479_001_600);
});

test('several computations, one after the other, return the right results', async (t) => {
  await using device = await openDevice('mock:edu#sequence');
  const engine = new FactorialEngine(device);
  const results: number[] = [];
  for (const n of [0, 1, 2, 3, 4]) results.push(await engine.compute(n));
  t.deepEqual(results, [1, 1, 2, 6, 24]);
});

test('compute refuses a number out of range before the device is accessed', async (t) => {
  await using device = await openDevice('mock:edu#refuses');
  const engine = new FactorialEngine(device);
  for (const n of [-1, 13, 1.5]) await t.throwsAsync(engine.compute(n), { instanceOf: RangeError });
  t.is(device.bar(0).map().read32(0x24), 0);
});

test('compute times out when the device does not respond', async (t) => {
  await using device = await openDevice('mock:edu#silent');
  const engine = new FactorialEngine(device);
  // If memory decode is off, register writes do not reach the device, as after a surprise removal.
  device.config.update('command', { memory: 0 });
  await t.throwsAsync(engine.compute(5, 50), { code: 'ETIMEDOUT' });
});

test('the constructor refuses a device that is not an edu device', async (t) => {
  await using device = await openDevice('mock:nvme#other');
  t.throws(() => new FactorialEngine(device), { message: /not an edu/ });
});
