import { inspect } from 'node:util';
import test from 'ava';
import { openDeviceSync } from 'vfio/mock';

test('console.log of a device, a window, a vector and memory shows no internals', (t) => {
  const device = openDeviceSync('mock:edu#inspected');
  const window = device.bar(0).map();
  const vector = device.interrupts.msi.request(0);
  const buffer = device.dma.allocateSync(4096);
  buffer.bytes.set([1, 0xab]);
  const piece = device.dma.createPool(4).allocate();
  t.is(
    inspect(device),
    `PciDevice {
  name: 'mock:edu#inspected',
  via: 'group',
  closed: false,
  regions: { bar0: 0x100000n, config: 0x100n },
  interrupts: { intx: 1, msi: 1, req: 1 }
}`,
  );
  t.is(inspect(window), 'RegisterWindow { size: 0x100000, lost: false }');
  t.is(inspect(window.sub(8, 16)), 'RegisterWindow { size: 0x10, lost: false }');
  t.is(inspect(vector), "Vector { irq: 'msi', index: 0, closed: false }");
  const iova = `0x${buffer.iova.toString(16)}n`;
  const bytes = `<01 ab${' 00'.repeat(14)} …> (4096 bytes)`;
  t.is(
    inspect(buffer),
    `DmaBuffer {\n  iova: ${iova},\n  size: 0x1000,\n  access: 'read-write',\n  bytes: ${bytes}\n}`,
  );
  t.regex(inspect(piece), /^DmaPiece \{ iova: 0x[0-9a-f]+n, bytes: <00 00 00 00> \(4 bytes\) \}$/);
  t.is(inspect({ window }, { depth: 0 }), '{ window: [RegisterWindow] }');
  buffer.free();
  t.true(inspect(buffer).includes('freed: true'));
  device.close();
  t.is(inspect(device), "PciDevice { name: 'mock:edu#inspected', via: 'group', closed: true }");
  t.is(inspect(vector), "Vector { irq: 'msi', index: 0, closed: true }");
});
