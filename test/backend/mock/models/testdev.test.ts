import test from 'ava';
import type { DeviceConnection } from '../../../../lib/contract/index.js';
import { testdev } from '../../../../lib/backend/mock/models/testdev.js';
import { connect } from '../support.js';

const NONE = 0;
const WILDCARD = 1;
const DATA_MATCH = 2;

function title(device: DeviceConnection, bar: number): string {
  const bytes = new Uint8Array(32);
  device.read(bar, 16, bytes);
  return Buffer.from(bytes).toString('latin1').replace(/\0.*/s, '');
}

const count = (device: DeviceConnection) => device.load(0, 12, 4);

test('if no test is chosen, all registers read as 0', (t) => {
  const device = connect(t, testdev);
  t.is(device.load(0, 0, 4), 0);
  device.store(0, 0, 1, 3);
  t.is(device.load(0, 4, 4), 0);
  t.is(title(device, 0), '');
});

test('the header of a test contains the name, the width, the offset and the data of the test', (t) => {
  const device = connect(t, testdev);
  device.store(0, 0, 1, DATA_MATCH);
  t.is(title(device, 0), 'mmio-datamatch-eventfd');
  t.is(device.load(0, 0, 4), 0x0102);
  t.is(device.load(0, 4, 4), 2050);
  t.is(device.load(0, 8, 4), 0xfa);
  device.store(1, 0, 1, WILDCARD);
  t.is(title(device, 1), 'portio-wildcard-eventfd');
  // A test that is chosen through one BAR is also visible in the other BAR.
  t.is(title(device, 0), 'portio-wildcard-eventfd');
  t.is(device.load(1, 4, 4), 128 + 4);
  t.is(device.load(1, 8, 1), 0xce);
});

test('the device counts matching bytes in writes of any width', (t) => {
  const device = connect(t, testdev);
  device.store(0, 0, 1, NONE);
  device.store(0, 2048, 1, 0xfa);
  device.store(0, 2048, 1, 0xfb);
  device.store(0, 2048, 4, 0x000000fa);
  device.store(0, 2049, 1, 0xfa);
  t.is(count(device), 2);
  device.store(0, 0, 1, NONE);
  t.is(count(device), 0);
  device.store(1, 0, 1, NONE);
  device.store(1, 128 + 3, 1, 0xfa);
  t.is(count(device), 1);
});

test('an eventfd intercepts matching one-byte writes; the device counts wider writes', (t) => {
  const device = connect(t, testdev);
  device.store(0, 0, 1, WILDCARD);
  device.store(0, 2049, 1, 0x12);
  t.is(count(device), 0);
  device.store(0, 2048, 2, 0x1234);
  t.is(count(device), 1);
  device.store(0, 0, 1, DATA_MATCH);
  device.store(0, 2050, 1, 0xfa);
  device.store(0, 2050, 1, 0xfb);
  t.is(count(device), 0);
  device.store(0, 2050, 2, 0x00fa);
  t.is(count(device), 1);
});

test('after a reset, no test is chosen', (t) => {
  const device = connect(t, testdev);
  device.store(0, 0, 1, NONE);
  device.resetSync();
  t.is(device.load(0, 4, 4), 0);
});

test('REQ is the only interrupt index of the device', (t) => {
  const device = connect(t, testdev);
  t.deepEqual(
    [0, 1, 2, 4].map((index) => device.getIrqInfo(index).count),
    [0, 0, 0, 1],
  );
});
