/**
 * Unit test of a driver with Node's test runner.
 *
 *   node --test dist/examples/unit-test/factorial.node.test.js
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { PciDevice } from 'vfio';
import { openDeviceSync } from 'vfio/mock';
import { FactorialEngine } from './factorial.js';

void describe('FactorialEngine', () => {
  let device: PciDevice;

  // If a closed mock device is opened again, the mock powers the device on.
  beforeEach(() => {
    device = openDeviceSync('mock:edu');
  });
  afterEach(() => {
    device.close();
  });

  void it('compute returns the factorial', async () => {
    assert.equal(await new FactorialEngine(device).compute(6), 720);
  });

  void it('each test has a device in its power-on state', () => {
    device.config.update('command', { memory: 1 });
    assert.equal(device.bar(0).map().read32(0x08), 0);
  });

  void it('a number out of range is refused', async () => {
    await assert.rejects(new FactorialEngine(device).compute(13), RangeError);
  });
});
