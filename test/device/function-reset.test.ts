// Tests the detection of writes to configuration space that make the kernel reset the function.
import test from 'ava';
import { type FakeConnection, openFake } from './fake.js';

const EXPRESS = 0x40;
const ADVANCED = 0x80;

/** Opens a device with PCI Express at 0x40 and Advanced Features at 0x80. */
function open({ express = true, canReset = true }) {
  const opened = openFake(({ config }: FakeConnection) => {
    config[0x06] = 0x10;
    config[0x34] = express ? EXPRESS : ADVANCED;
    config.set([0x10, ADVANCED, 0x02, 0x00], EXPRESS);
    config[EXPRESS + 7] = canReset ? 0x10 : 0;
    config.set([0x13, 0x00, 0x06, canReset ? 0x03 : 0x01], ADVANCED);
  });
  const resets: string[] = [];
  opened.device.messages.on('change', ({ reason }) => resets.push(reason));
  return { ...opened, resets };
}

test('a write of any width that sets Initiate FLR of PCI Express counts as a reset', (t) => {
  const { device, resets } = open({});
  const { config } = device;
  config.write16(EXPRESS + 8, 0x8000);
  config.write8(EXPRESS + 9, 0x80);
  config.write32(EXPRESS + 8, 0x2810 | 0x8000);
  config.write(EXPRESS + 4, Uint8Array.of(0, 0, 0, 0x10, 0, 0x80));
  config.update('pcie.device_control', { initiate_flr: 1 });
  t.deepEqual(resets, ['reset', 'reset', 'reset', 'reset', 'reset']);
});

test('a write that sets Initiate FLR of Advanced Features counts as a reset', (t) => {
  const { device, resets } = open({ express: false });
  device.config.write8(ADVANCED + 4, 1);
  t.deepEqual(resets, ['reset']);
});

test('a write of other bits, or to a function without FLR, does not count as a reset', (t) => {
  const { device, resets } = open({});
  device.config.write16(EXPRESS + 8, 0x7fff);
  device.config.write16(EXPRESS + 10, 0x8000);
  device.config.write8(ADVANCED + 4, 0xfe);
  device.config.write16(0x104, 0x8001);
  device.config.write16(0x04, 0x8001);
  for (const express of [true, false]) {
    const unable = open({ express, canReset: false });
    unable.device.config.write16(EXPRESS + 8, 0x8000);
    unable.device.config.write8(ADVANCED + 4, 1);
    t.deepEqual(unable.resets, []);
  }
  t.deepEqual(resets, []);
});

test('if a write cannot reset the function, the library makes no additional read', (t) => {
  const { device, script } = open({});
  script.take();
  device.config.write16(0x04, 0x0006);
  device.config.write16(EXPRESS + 8, 0x2810);
  t.deepEqual(script.take(), ['store 7 4 2 0x6', 'store 7 72 2 0x2810']);
});
