import test, { type ExecutionContext } from 'ava';
import type { DeviceConnection, RegisterWindow } from '../../../../lib/contract/index.js';
import { bind, CONFIG, enableBusMaster, open, turn } from '../support.js';

const INTX = 0;
const MSI = 1;
const BUFFER = 0x40000n;

function edu(t: ExecutionContext): { device: DeviceConnection; window: RegisterWindow } {
  const device = open(t, 'mock:edu');
  enableBusMaster(device);
  return { device, window: device.map(0, 0, 0x100000) };
}

test('identification and liveness', (t) => {
  const { window } = edu(t);
  t.is(window.read32(0), 0x010000ed);
  window.write32(0, 0);
  t.is(window.read32(0), 0x010000ed);
  window.write32(4, 0x12345678);
  t.is(window.read32(4), 0xedcba987);
});

test('a factorial is ready after the next register read or the next turn of the event loop', async (t) => {
  const { window } = edu(t);
  window.write32(8, 5);
  t.is(window.read32(0x20), 1);
  t.is(window.read32(0x20), 0);
  t.is(window.read32(8), 120);
  window.write32(8, 6);
  await turn();
  t.is(window.read32(8), 720);
  for (const [n, expected] of [
    [0, 1],
    [1, 1],
    [12, 479001600],
    [13, 1932053504],
    [33, 2147483648],
    [34, 0],
    [0xffffffff, 0],
  ] as const) {
    window.write32(8, n);
    while ((window.read32(0x20) & 1) !== 0);
    t.is(window.read32(8), expected);
  }
});

test('a write to the factorial register is ignored during a computation', (t) => {
  const { window } = edu(t);
  window.write32(8, 4);
  window.write32(8, 5);
  while ((window.read32(0x20) & 1) !== 0);
  t.is(window.read32(8), 24);
});

test('MSI: the status register enables the interrupt of a factorial', async (t) => {
  const { device, window } = edu(t);
  const eventfd = device.createEventfd();
  bind(device, MSI, 0, [eventfd]);
  const set = device.createEventSet(1);
  set.add(0, eventfd, true);
  window.write32(0x20, 0xff);
  t.is(window.read32(0x20), 0x80);
  window.write32(8, 7);
  t.is(set.wait(-1), 1);
  t.is(window.read32(0x24), 1);
  t.is(window.read32(8), 5040);
  window.write32(0x64, 1);
  t.is(window.read32(0x24), 0);
  let fired = 0;
  set.serve((n) => (fired += n));
  window.write32(8, 3);
  await turn();
  await turn();
  t.is(fired, 1);
  window.write32(0x20, 0);
  window.write32(8, 3);
  await turn();
  await turn();
  t.is(fired, 1);
  set.close();
});

test('INTx: the pin stays asserted until all interrupts are acknowledged', (t) => {
  const { device, window } = edu(t);
  const eventfd = device.createEventfd();
  bind(device, INTX, 0, [eventfd]);
  const unmask = () => device.setIrqs({ index: INTX, flags: 0x11, start: 0, count: 1 });
  window.write32(0x60, 0x30);
  t.is(eventfd.read(), 1n);
  t.is(window.read32(0x24), 0x30);
  window.write32(0x64, 0x10);
  unmask();
  t.is(eventfd.read(), 1n);
  window.write32(0x64, 0x20);
  unmask();
  t.is(eventfd.read(), 0n);
  t.is(device.load(CONFIG, 6, 2) & 8, 0);
});

test('DMA copies to and from the buffer, with or without an interrupt', (t) => {
  const { device, window } = edu(t);
  const eventfd = device.createEventfd();
  bind(device, MSI, 0, [eventfd]);
  const memory = device.addressSpace.allocate(8192, false);
  device.addressSpace.mapSync(memory, 0, BigInt(memory.size), 0x100000n, 3);
  const bytes = new Uint8Array(memory.buffer);
  const transfer = (source: bigint, destination: bigint, count: bigint, command: bigint) => {
    window.write64(0x80, source);
    window.write64(0x88, destination);
    window.write64(0x90, count);
    window.write64(0x98, command);
    t.is(window.read32(0x98) & 1, 1);
    while ((window.read32(0x98) & 1) !== 0);
  };
  bytes.set([1, 2, 3, 4, 5], 100);
  transfer(0x100000n + 100n, BUFFER + 8n, 5n, 1n);
  t.is(eventfd.read(), 0n);
  transfer(BUFFER + 7n, 0x101000n, 7n, 1n | 2n | 4n);
  t.is(eventfd.read(), 1n);
  t.is(window.read32(0x24), 0x100);
  t.deepEqual([...bytes.subarray(4096, 4104)], [0, 1, 2, 3, 4, 5, 0, 0]);
  // A transfer of the whole buffer works. If a transfer is one byte longer than the buffer, no byte
  // is copied.
  bytes.fill(0xaa, 0, 4096);
  transfer(0x100000n, BUFFER, 4096n, 1n);
  transfer(BUFFER, 0x101000n, 4096n, 3n);
  t.true(bytes.subarray(4096, 8192).every((byte) => byte === 0xaa));
  bytes.fill(0);
  transfer(BUFFER + 1n, 0x100000n, 4096n, 3n);
  transfer(BUFFER - 1n, 0x100000n, 4n, 3n);
  transfer(0n, 0x100000n, 4n, 3n);
  t.true(bytes.every((byte) => byte === 0));
});

test('the device reports a DMA transfer as complete even if the IOMMU blocks the access', (t) => {
  const { device, window } = edu(t);
  const eventfd = device.createEventfd();
  bind(device, MSI, 0, [eventfd]);
  const memory = device.addressSpace.allocate(4096, false);
  device.addressSpace.mapSync(memory, 0, BigInt(memory.size), 0x100000n, 1);
  for (const destination of [0x100000n, 0x200000n]) {
    window.write64(0x80, BUFFER);
    window.write64(0x88, destination);
    window.write64(0x90, 16n);
    window.write32(0x98, 7);
    while ((window.read32(0x98) & 1) !== 0);
    t.is(eventfd.read(), 1n);
  }
});

test('a running transfer cannot be changed, and a command without the RUN bit is dropped', (t) => {
  const { window } = edu(t);
  window.write64(0x98, 6n);
  t.is(window.read64(0x98), 0n);
  window.write64(0x80, BUFFER);
  window.write64(0x98, 1n);
  window.write64(0x80, 5n);
  t.is(window.read64(0x80), BUFFER);
  t.is(window.read64(0x98), 0n);
});

test('a reset does not change the registers, as with QEMU’s edu', async (t) => {
  const { device, window } = edu(t);
  window.write32(4, 1);
  await device.reset();
  t.is(window.read32(4), 0xfffffffe);
});
