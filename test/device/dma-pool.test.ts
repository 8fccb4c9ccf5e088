import test from 'ava';
import { openDeviceSync } from '../../lib/mock.js';

test('a pool allocates pieces of a page, aligned and without overlap', (t) => {
  using device = openDeviceSync('mock:edu#pool');
  const pool = device.dma.createPool(48);
  const pieces = Array.from({ length: 65 }, () => pool.allocate());
  t.is(device.dma.mapped, 2 * 4096);
  const addresses = pieces.map(({ iova }) => Number(iova)).sort((a, b) => a - b);
  for (const [i, address] of addresses.entries()) {
    t.is(address % 64, 0);
    if (i > 0) t.true(address - (addresses[i - 1] ?? 0) >= 64);
  }
  for (const { bytes } of pieces) t.is(bytes.length, 48);
});

test('a freed piece is allocated again, with zeroed bytes', (t) => {
  using device = openDeviceSync('mock:edu#pool');
  const pool = device.dma.createPool(4096, { align: 4096 });
  const piece = pool.allocate();
  piece.bytes.fill(7);
  piece.free();
  piece.free();
  const again = pool.allocate();
  t.is(again.iova, piece.iova);
  t.true(again.bytes.every((byte) => byte === 0));
  t.not(pool.allocate().iova, again.iova);
});

test('a closed pool unmaps its pages', (t) => {
  using device = openDeviceSync('mock:edu#pool');
  const pool = device.dma.createPool(64);
  const piece = pool.allocate();
  pool.close();
  pool.close();
  piece.free();
  t.is(device.dma.mapped, 0);
  t.throws(() => pool.allocate(), { code: 'EBADF' });
});

test('a pool of a closed device throws EBADF', (t) => {
  const device = openDeviceSync('mock:edu#pool');
  const pool = device.dma.createPool(64);
  pool.allocate();
  device.close();
  t.throws(() => pool.allocate(), { code: 'EBADF' });
});

test('a pool refuses a wrong size and a wrong alignment', (t) => {
  using device = openDeviceSync('mock:edu#pool');
  for (const size of [0, 4097, 0.5]) {
    t.throws(() => device.dma.createPool(size), { instanceOf: RangeError });
  }
  for (const align of [0, 3, 8192]) {
    t.throws(() => device.dma.createPool(64, { align }), { instanceOf: RangeError });
  }
});

test('iovaOf() returns the address of a byte', (t) => {
  using device = openDeviceSync('mock:edu#pool');
  const buffer = device.dma.allocateSync(4096);
  t.is(buffer.iovaOf(64), buffer.iova + 64n);
  for (const offset of [-1, 4097, 0.5]) {
    t.throws(() => buffer.iovaOf(offset), { instanceOf: RangeError });
  }
});
