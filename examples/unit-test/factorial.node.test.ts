/**
 * The same with Node's own test runner.
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

  // A mock that nobody has open is as after power-on.
  beforeEach(() => {
    device = openDeviceSync('mock:edu');
  });
  afterEach(() => {
    device.close();
  });

  void it('computes', async () => {
    assert.equal(await new FactorialEngine(device).compute(6), 720);
  });

  void it('starts from a fresh device each time', () => {
    device.config.update('command', { memory: 1 });
    assert.equal(device.bar(0).map().read32(0x08), 0);
  });

  void it('refuses what does not fit', async () => {
    await assert.rejects(new FactorialEngine(device).compute(13), RangeError);
  });
});
