/**
 * Unit test of a driver with Node's test runner.
 *
 *   npx tsx --test node_modules/vfio/examples/unit-test/factorial.node.test.ts
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { PciDevice } from 'vfio';
import { openDeviceSync } from 'vfio/mock';
import { FactorialEngine } from './factorial.js';

void describe('FactorialEngine', () => {
  let device: PciDevice;

  // A closed mock device that is opened again is in its power-on state.
  beforeEach(() => {
    device = openDeviceSync('mock:edu');
  });
  afterEach(() => {
    device.close();
  });

  void it('compute returns the factorial', async () => {
    assert.equal(await new FactorialEngine(device).compute(6), 720);
  });

  void it('in each test, the device is in its power-on state', () => {
    device.config.update('command', { memory: 1 });
    assert.equal(device.bar(0).map().read32(0x08), 0);
  });

  void it('compute refuses a number out of range', async () => {
    await assert.rejects(new FactorialEngine(device).compute(13), RangeError);
  });
});
