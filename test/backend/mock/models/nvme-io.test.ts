import test, { type ExecutionContext } from 'ava';
import fc from '../../../fast-check.js';
import { CONFIG, open, turn } from '../support.js';
import { NvmeDriver, QueuePair } from './nvme-driver.js';

const DNR = 0x4000;
const FLUSH = 0;
const WRITE = 1;
const READ = 2;
const WRITE_ZEROES = 8;

function driver(t: ExecutionContext): NvmeDriver {
  return new NvmeDriver(open(t, 'mock:nvme')).enable();
}

function pattern(bytes: Uint8Array, seed: number): Uint8Array {
  return bytes.map((_, i) => (i * 7 + (i >>> 8) + seed) & 0xff);
}

test('a read returns the data that was written with PRPs and PRP lists', (t) => {
  const nvme = driver(t);
  const io = nvme.createIo();
  const pages = 20;
  const list = new BigUint64Array(nvme.page(5).buffer, 5 * 4096, 512);
  // The data is in the pages 10, 30, 11, 29 and so on. Page 5 contains the PRP list.
  const order = Array.from({ length: pages }, (_, i) =>
    i % 2 === 0 ? 10 + i / 2 : 30 - (i - 1) / 2,
  );
  for (const [i, page] of order.entries()) {
    if (i > 0) list[i - 1] = nvme.address(page);
    nvme.page(page).set(pattern(nvme.page(page), i));
  }
  const blocks = pages * 8;
  const command = {
    namespace: 1,
    prp1: nvme.address(order[0] ?? 0),
    prp2: nvme.address(5),
    dwords: [1000, 0, blocks - 1],
  };
  t.is(io.run({ ...command, opcode: WRITE }).status, 0);
  for (const page of order) nvme.page(page).fill(0);
  t.is(io.run({ ...command, opcode: READ }).status, 0);
  for (const [i, page] of order.entries()) {
    t.deepEqual(nvme.page(page), pattern(nvme.page(page), i));
  }
  // Read one block from the middle into memory that starts inside a page.
  const prp1 = nvme.address(40) + 0x204n;
  t.is(io.run({ opcode: READ, namespace: 1, prp1, dwords: [1009, 0, 0] }).status, 0);
  const expected = pattern(new Uint8Array(4096), 1).subarray(512, 1024);
  t.deepEqual(nvme.page(40).slice(0x204, 0x404), expected);
});

test('the last entry of a full PRP list points to the next PRP list', (t) => {
  const nvme = driver(t);
  const io = nvme.createIo();
  const words = (page: number) => new BigUint64Array(nvme.memory.buffer, page * 4096, 512);
  // The PRP list begins with the last two entries of page 5 and continues in page 6.
  words(5)[510] = nvme.address(11);
  words(5)[511] = nvme.address(6);
  words(6)[0] = nvme.address(12);
  words(6)[1] = nvme.address(13);
  const prp2 = nvme.address(5) + 510n * 8n;
  const command = { namespace: 1, prp1: nvme.address(10), prp2, dwords: [0, 0, 31] };
  nvme.page(10, 4).set(pattern(nvme.page(10, 4), 3));
  t.is(io.run({ ...command, opcode: WRITE }).status, 0);
  nvme.page(10, 4).fill(0);
  t.is(io.run({ ...command, opcode: READ }).status, 0);
  t.deepEqual(nvme.page(10, 4), pattern(nvme.page(10, 4), 3));
});

test('unwritten blocks and zeroed blocks read as zeros', (t) => {
  const nvme = driver(t);
  const io = nvme.createIo();
  const prp1 = nvme.address(10);
  const prp2 = nvme.address(11);
  nvme.page(10, 2).fill(0x5a);
  t.is(io.run({ opcode: WRITE, namespace: 1, prp1, prp2, dwords: [0, 0, 15] }).status, 0);
  t.is(io.run({ opcode: WRITE_ZEROES, namespace: 1, dwords: [3, 0, 8] }).status, 0);
  t.is(io.run({ opcode: FLUSH, namespace: 1 }).status, 0);
  t.is(io.run({ opcode: FLUSH, namespace: 0xffffffff }).status, 0);
  t.is(io.run({ opcode: READ, namespace: 1, prp1, prp2, dwords: [0, 0, 15] }).status, 0);
  const expected = new Uint8Array(8192).fill(0x5a).fill(0, 3 * 512, 12 * 512);
  t.deepEqual(nvme.page(10, 2).slice(), expected);
  t.is(io.run({ opcode: READ, namespace: 1, prp1, dwords: [131071, 0, 0] }).status, 0);
  t.true(
    nvme
      .page(10)
      .subarray(0, 512)
      .every((byte) => byte === 0),
  );
});

test('a reset of the controller or of the function keeps the data', (t) => {
  const nvme = driver(t);
  const command = { namespace: 1, prp1: nvme.address(10), dwords: [5, 0, 0] };
  nvme.page(10).fill(0x77);
  t.is(nvme.createIo().run({ ...command, opcode: WRITE }).status, 0);
  const resets = [
    () => {
      nvme.window.write32(0x14, 0);
    },
    () => {
      nvme.device.resetSync();
    },
  ];
  for (const reset of resets) {
    reset();
    nvme.page(10).fill(0);
    t.is(
      nvme
        .enable()
        .createIo()
        .run({ ...command, opcode: READ }).status,
      0,
    );
    t.true(
      nvme
        .page(10)
        .subarray(0, 512)
        .every((byte) => byte === 0x77),
    );
  }
});

test('wrong I/O commands fail with their status', (t) => {
  const nvme = driver(t);
  const io = nvme.createIo();
  const prp1 = nvme.address(10);
  const status = (change: object) =>
    io.run({ opcode: READ, namespace: 1, prp1, dwords: [0, 0, 0], ...change }).status;
  t.is(status({}), 0);
  t.is(status({ opcode: 0x7f }), DNR | 0x001);
  t.is(status({ namespace: 0 }), DNR | 0x00b);
  t.is(status({ namespace: 257 }), DNR | 0x00b);
  t.is(status({ namespace: 2 }), DNR | 0x002);
  t.is(status({ namespace: 0xffffffff }), DNR | 0x00b);
  t.is(status({ opcode: FLUSH, namespace: 0 }), DNR | 0x00b);
  t.is(status({ flags: 0x40 }), DNR | 0x002);
  t.is(status({ flags: 0x01 }), 0x002);
  t.is(status({ dwords: [131072, 0, 0] }), DNR | 0x080);
  t.is(status({ dwords: [131071, 0, 1] }), DNR | 0x080);
  t.is(status({ dwords: [0, 1, 0] }), DNR | 0x080);
  t.is(status({ opcode: WRITE_ZEROES, dwords: [131071, 0, 1] }), DNR | 0x080);
  t.is(status({ dwords: [0, 0, 1024] }), DNR | 0x002);
  t.is(status({ dwords: [0, 0, 8], prp2: 0x20n }), DNR | 0x013);
  t.is(status({ dwords: [0, 0, 24], prp2: nvme.address(5) + 4n }), DNR | 0x013);
  t.is(status({ prp1: 0x1000000n }), 0x004);
  nvme.page(5).fill(0x11);
  t.is(status({ dwords: [0, 0, 24], prp2: nvme.address(5) }), DNR | 0x013);
});

test('a DMA fault on data is a transfer error; a DMA fault on a queue is fatal', (t) => {
  const nvme = driver(t);
  const io = nvme.createIo();
  const { addressSpace } = nvme.device;
  const constant = addressSpace.allocate(4096, false);
  addressSpace.mapSync(constant, 0, BigInt(constant.size), 0x1000000n, 1);
  const command = { namespace: 1, prp1: 0x1000000n, dwords: [0, 0, 0] };
  t.is(io.run({ ...command, opcode: WRITE }).status, 0);
  t.is(io.run({ ...command, opcode: READ }).status, 0x004);
  t.is(nvme.window.read32(0x1c), 1);
  addressSpace.unmap(0n, BigInt(nvme.memory.size), 0);
  io.put({ opcode: FLUSH, namespace: 1 });
  io.ring();
  t.is(nvme.window.read32(0x1c), 2);
});

test('MSI-X: each queue raises interrupts by its own vector', async (t) => {
  const nvme = driver(t);
  const eventfds = nvme.enableVectors(3);
  const set = nvme.device.createEventSet(3);
  for (const [slot, eventfd] of eventfds.entries()) set.add(slot, eventfd, true);
  const io = nvme.createIo(2);
  t.is(set.wait(0), 1);
  t.deepEqual([set.fired[0], set.counts[0]], [0, 2n]);
  const wakes: [number, bigint][] = [];
  set.serve((n) => {
    for (let i = 0; i < n; i++) wakes.push([set.fired[i] ?? -1, set.counts[i] ?? 0n]);
  });
  for (let i = 0; i < 3; i++) io.put({ opcode: FLUSH, namespace: 1 });
  io.ring();
  await turn();
  t.deepEqual(wakes, [[2, 1n]]);
  t.deepEqual([io.poll()?.id, io.poll()?.id, io.poll()?.id, io.poll()], [0, 1, 2, null]);
  io.acknowledge();
  await turn();
  t.is(wakes.length, 1);
  set.close();
});

test('MSI-X: an enabled vector without an eventfd becomes pending', (t) => {
  const nvme = driver(t);
  const io = nvme.createIo();
  t.is(io.run({ opcode: FLUSH, namespace: 1 }).status, 0);
  t.is(nvme.window.read32(0x3000), 0);
  nvme.device.setIrqs({ index: 2, flags: 0x24, start: 0, count: 1, eventfds: [null] });
  nvme.createCompletionQueue(2, 6, 40);
  nvme.createSubmissionQueue(2, 7, 2);
  new QueuePair(nvme.window, 2, nvme.memory, 6);
  t.is(nvme.window.read32(0x3000), 1);
});

test('INTx: the pin is asserted until all completions are read or INTMS masks the pin', (t) => {
  const nvme = driver(t);
  const eventfd = nvme.device.createEventfd();
  nvme.device.setIrqs({ index: 0, flags: 0x24, start: 0, count: 1, eventfds: [eventfd] });
  const unmask = () => {
    nvme.device.setIrqs({ index: 0, flags: 0x11, start: 0, count: 1 });
  };
  const pin = () => (nvme.device.load(CONFIG, 6, 2) & 8) !== 0;
  nvme.admin.put({ opcode: 6, prp1: nvme.address(8), dwords: [1] });
  nvme.admin.ring();
  t.is(eventfd.read(), 1n);
  t.true(pin());
  unmask();
  t.is(eventfd.read(), 1n);
  nvme.admin.poll();
  nvme.admin.acknowledge();
  t.false(pin());
  unmask();
  t.is(eventfd.read(), 0n);
  nvme.window.write32(0x0c, 1);
  t.is(nvme.window.read32(0x10), 1);
  nvme.admin.run({ opcode: 6, prp1: nvme.address(8), dwords: [1] });
  t.is(eventfd.read(), 0n);
  nvme.admin.put({ opcode: 6, prp1: nvme.address(8), dwords: [1] });
  nvme.admin.ring();
  t.is(eventfd.read(), 0n);
  nvme.window.write32(0x10, 1);
  t.is(eventfd.read(), 1n);
  nvme.window.write32(0x14, 0);
  t.false(pin());
});

test('while the completion queue is full, the controller delays completions', (t) => {
  const nvme = driver(t);
  nvme.createCompletionQueue(1, 3, null, 3);
  nvme.createSubmissionQueue(1, 2, 1, 16);
  const io = new QueuePair(nvme.window, 1, nvme.memory, 2);
  const completions = new DataView(nvme.memory.buffer, 3 * 4096, 48);
  const phases = () => [0, 1, 2].map((i) => completions.getUint16(i * 16 + 14, true) & 1);
  for (let i = 0; i < 6; i++) io.put({ opcode: FLUSH, namespace: 1 });
  io.ring();
  t.deepEqual(phases(), [1, 1, 0]);
  nvme.window.write32(0x100c, 1);
  t.deepEqual(phases(), [1, 1, 1]);
  nvme.window.write32(0x100c, 0);
  t.deepEqual(phases(), [0, 0, 1]);
});

test('after a queue wraps around, commands complete in order with the right phase tag', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 16 }),
      fc.array(fc.integer({ min: 1, max: 15 }), { maxLength: 20 }),
      (entries, batches) => {
        const nvme = driver(t);
        const io = nvme.createIo(null, entries);
        let expected = 0;
        for (const batch of batches) {
          const count = Math.min(batch, entries - 1);
          for (let i = 0; i < count; i++) io.put({ opcode: FLUSH, namespace: 1 });
          io.ring();
          for (let i = 0; i < count; i++) t.like(io.poll(), { id: expected++, status: 0 });
          t.is(io.poll(), null);
          io.acknowledge();
        }
        nvme.device.close();
      },
    ),
    { numRuns: 30 },
  );
});
