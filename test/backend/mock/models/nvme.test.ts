import test, { type ExecutionContext } from 'ava';
import { CONFIG, open } from '../support.js';
import { NvmeDriver } from './nvme-driver.js';

const DNR = 0x4000;

function driver(t: ExecutionContext): NvmeDriver {
  return new NvmeDriver(open(t, 'mock:nvme')).enable();
}

test('registers have their reset values', (t) => {
  const { window } = new NvmeDriver(open(t, 'mock:nvme'));
  t.is(window.read64(0x00), 0x004018200f0107ffn);
  t.is(window.read32(0x08), 0x00010400);
  for (const offset of [0x0c, 0x10, 0x14, 0x1c, 0x20, 0x1000, 0x3000]) {
    t.is(window.read32(offset), 0);
  }
  window.write32(0x08, 0);
  window.write32(0x1c, 0xffffffff);
  t.is(window.read32(0x08), 0x00010400);
  t.is(window.read32(0x1c), 0);
});

test('disabling the controller deletes the queues but not the values of AQA, ASQ and ACQ', (t) => {
  const nvme = driver(t);
  t.is(nvme.window.read32(0x1c), 1);
  nvme.window.write32(0x14, 0x00460000);
  t.is(nvme.window.read32(0x1c), 0);
  t.is(nvme.window.read64(0x30), 4096n);
  nvme.admin.put({ opcode: 6, dwords: [1] });
  nvme.admin.ring();
  t.is(nvme.admin.poll(), null);
});

test('enabling a misconfigured controller sets CSTS.CFS until the controller is disabled', (t) => {
  const nvme = new NvmeDriver(open(t, 'mock:nvme'));
  const attempt = (change: () => void, cc = 0x00460001) => {
    change();
    nvme.window.write32(0x14, cc);
    const status = nvme.window.read32(0x1c);
    nvme.window.write32(0x14, 0);
    t.is(nvme.window.read32(0x1c), 0);
    nvme.window.write32(0x24, 0x000f000f);
    nvme.window.write64(0x28, 0n);
    nvme.window.write64(0x30, 0x1000n);
    return status;
  };
  t.is(
    attempt(() => {
      nvme.window.write32(0x28, 0x100);
    }),
    2,
  );
  t.is(
    attempt(() => {
      nvme.window.write32(0x30, 0x1100);
    }),
    2,
  );
  t.is(
    attempt(() => {
      nvme.window.write32(0x24, 0x000f0000);
    }),
    2,
  );
  t.is(
    attempt(() => {
      nvme.window.write32(0x24, 0x0000000f);
    }),
    2,
  );
  t.is(
    attempt(() => undefined, 0x00460011),
    2,
  );
  t.is(
    attempt(() => undefined, 0x00460281),
    2,
  );
  t.is(
    attempt(() => {
      nvme.window.write32(0x30, 0x10000);
    }, 0x00460201),
    1,
  );
  t.is(
    attempt(() => undefined),
    1,
  );
});

test('the register CSTS reports that a shutdown is complete', (t) => {
  const { window } = driver(t);
  window.write32(0x14, 0x00464001);
  t.is(window.read32(0x1c), 0x9);
  window.write32(0x14, 0x00460001);
  t.is(window.read32(0x1c), 0x1);
});

test('Identify returns controller, namespace, namespace list and descriptors', (t) => {
  const nvme = driver(t);
  const identify = (cns: number, namespace = 0) => {
    nvme.page(8).fill(0xee);
    const { status } = nvme.admin.run({
      opcode: 6,
      namespace,
      prp1: nvme.address(8),
      dwords: [cns],
    });
    t.is(status, 0);
    return Buffer.from(nvme.page(8));
  };
  const controller = identify(1);
  t.is(controller.readUInt16LE(0), 0x1b36);
  t.is(controller.toString('latin1', 4, 24).trim(), 'MOCK0001');
  t.is(controller.toString('latin1', 24, 64).trim(), 'vfio mock NVMe');
  t.is(controller.readUInt8(77), 7);
  t.is(controller.readUInt16LE(512), 0x4466);
  const namespace = identify(0, 1);
  t.is(namespace.readBigUInt64LE(0), 131072n);
  t.is(namespace.readUInt32LE(128), 0x00090000);
  t.true(identify(0, 2).every((byte) => byte === 0));
  t.is(identify(2).readUInt32LE(0), 1);
  t.is(identify(2, 1).readUInt32LE(0), 0);
  const descriptors = identify(3, 1);
  t.deepEqual([...descriptors.subarray(0, 4)], [3, 16, 0, 0]);
  t.deepEqual([...descriptors.subarray(20, 26)], [4, 1, 0, 0, 0, 0]);
});

test('wrong admin commands fail with their status', (t) => {
  const nvme = driver(t);
  const status = (opcode: number, dwords: number[], namespace = 0, flags = 0) =>
    nvme.admin.run({ opcode, namespace, flags, prp1: nvme.address(8), dwords }).status;
  t.is(status(0x03, []), DNR | 0x001);
  t.is(status(0xff, []), DNR | 0x001);
  t.is(status(0x06, [1], 0, 0x40), DNR | 0x002);
  t.is(status(0x06, [1], 0, 0x01), 0x002);
  t.is(status(0x06, [0xff]), DNR | 0x002);
  t.is(status(0x06, [0]), DNR | 0x00b);
  t.is(status(0x06, [0], 257), DNR | 0x00b);
  t.is(status(0x06, [0], 0xffffffff), DNR | 0x00b);
  t.is(status(0x06, [2], 0xfffffffe), DNR | 0x00b);
  t.is(status(0x06, [3], 2), DNR | 0x002);
  t.is(status(0x00, [0]), DNR | 0x101);
  t.is(status(0x00, [9]), DNR | 0x101);
  t.is(status(0x04, [0]), DNR | 0x100);
  t.is(status(0x04, [9]), DNR | 0x100);
  t.is(status(0x08, [9]), DNR | 0x002);
});

test('wrong queue commands fail with their status', (t) => {
  const nvme = driver(t);
  const create = (opcode: number, low: number, high: number, prp1 = nvme.address(4)) =>
    nvme.admin.run({ opcode, prp1, dwords: [low, high] }).status;
  const size = 15 * 0x10000;
  t.is(create(5, 0 + size, 1), DNR | 0x101);
  t.is(create(5, 65 + size, 1), DNR | 0x101);
  t.is(create(5, 1, 1), DNR | 0x102);
  t.is(create(5, 1 + 0x8000000, 1), DNR | 0x102);
  t.is(create(5, 1 + size, 1, 0x4008n), DNR | 0x013);
  t.is(create(5, 1 + size, 1 + 0x10000), DNR | 0x108);
  t.is(create(5, 1 + size, 0), DNR | 0x002);
  nvme.enableVectors(1);
  t.is(create(5, 1 + size, 1 + 65 * 0x10000), DNR | 0x108);
  t.is(create(5, 1 + size, 3 + 64 * 0x10000), 0);
  t.is(create(5, 1 + size, 1), DNR | 0x101);
  t.is(create(1, 1 + size, 1), DNR | 0x100);
  t.is(create(1, 1 + size, 1 + 2 * 0x10000), DNR | 0x100);
  t.is(create(1, 0 + size, 1 + 0x10000), DNR | 0x101);
  t.is(create(1, 1, 1 + 0x10000), DNR | 0x102);
  t.is(create(1, 1 + size, 1 + 0x10000, 0x5010n), DNR | 0x013);
  t.is(create(1, 1 + size, 0x10000), DNR | 0x002);
  t.is(create(1, 7 + size, 1 + 0x10000), 0);
  t.is(create(1, 7 + size, 1 + 0x10000), DNR | 0x101);
  t.is(nvme.admin.run({ opcode: 4, dwords: [1] }).status, 0x10c);
  t.is(nvme.admin.run({ opcode: 0, dwords: [7] }).status, 0);
  t.is(nvme.admin.run({ opcode: 4, dwords: [1] }).status, 0);
});

test('the controller checks entry sizes only when it is enabled', (t) => {
  const nvme = driver(t);
  nvme.window.write32(0x14, 1);
  t.is(nvme.createCompletionQueue(1, 4, null).status, 0);
  for (const sizes of [0, 0x0006_0000, 0x0040_0000, 0x0056_0000, 0x0047_0000]) {
    nvme.window.write32(0x14, 0);
    nvme.window.write32(0x14, sizes | 1);
    t.is(nvme.window.read32(0x1c), 2, sizes.toString(16));
  }
});

test('features have the values of QEMU’s controller; read-only features cannot be set', (t) => {
  const nvme = driver(t);
  const get = (dword: number, value = 0, namespace = 0) => {
    const { status, result } = nvme.admin.run({ opcode: 0xa, namespace, dwords: [dword, value] });
    return [status, result];
  };
  const set = (dword: number, value: number, namespace = 0) =>
    nvme.admin.run({ opcode: 9, namespace, dwords: [dword, value] });
  t.deepEqual(get(1), [0, 7]);
  t.deepEqual(get(4), [0, 0x157]);
  t.deepEqual(get(4 | (3 << 8)), [0, 4]);
  t.deepEqual(get(5), [DNR | 0x00b, 0]);
  t.deepEqual(get(5, 0, 1), [0, 0]);
  t.deepEqual(get(7), [0, 0x3f003f]);
  t.deepEqual(get(9), [0, 0x10000]);
  t.deepEqual(get(9, 3), [0, 3]);
  t.deepEqual(get(9, 65), [DNR | 0x002, 0]);
  t.deepEqual(get(0), [DNR | 0x002, 0]);
  t.is(set(4, 0x140).status, 0);
  t.deepEqual(get(4), [0, 0x140]);
  t.deepEqual(get(4 | (1 << 8)), [0, 0x157]);
  t.deepEqual(set(7, 0x00030003).result, 0x3f003f);
  t.is(set(7, 0xffff0003).status, DNR | 0x002);
  t.is(set(1, 0).status, DNR | 0x10e);
  t.is(set(7 | (1 << 31), 0).status, DNR | 0x10d);
  t.is(set(7, 0, 1).status, DNR | 0x10f);
  t.is(set(7, 0, 257).status, DNR | 0x00b);
  t.is(set(0x1f, 0).status, DNR | 0x002);
  nvme.createCompletionQueue(1, 4, null);
  t.is(set(7, 0x00030003).status, DNR | 0x00c);
});

test('while bus mastering is disabled, the controller makes no DMA access', (t) => {
  const nvme = driver(t);
  nvme.device.store(CONFIG, 4, 2, 2);
  nvme.admin.put({ opcode: 6, prp1: nvme.address(8), dwords: [1] });
  nvme.admin.ring();
  t.is(nvme.admin.poll(), null);
  t.is(nvme.window.read32(0x1c), 2);
});

test('an Asynchronous Event Request completes after a wrong doorbell write or an Abort', (t) => {
  const nvme = driver(t);
  nvme.window.write32(0x1000 + 8 * 9, 1);
  const ids = [0, 1, 2, 3].map(() => nvme.admin.put({ opcode: 0xc }));
  nvme.admin.ring();
  t.is(nvme.admin.poll(), null);
  t.like(nvme.admin.run({ opcode: 0xc }), { status: 0x105 });
  nvme.window.write32(0x1000, 16);
  t.like(nvme.admin.poll(), { id: ids[3], status: 0, result: 0x00010100 });
  nvme.window.write32(0x1004 + 8 * 9, 1);
  t.is(nvme.admin.poll(), null);
  const log = { opcode: 2, prp1: nvme.address(8), dwords: [1 + (15 << 16)] };
  t.is(nvme.admin.run(log).status, 0);
  nvme.window.write32(0x1004 + 8 * 9, 1);
  t.like(nvme.admin.poll(), { id: ids[2], status: 0, result: 0x00010000 });
  nvme.admin.put({ opcode: 8, dwords: [(ids[0] ?? 0) * 0x10000] });
  nvme.admin.ring();
  t.like(nvme.admin.poll(), { id: ids[0], status: 0x007 });
  t.like(nvme.admin.poll(), { status: 0, result: 0 });
  nvme.admin.acknowledge();
  t.like(nvme.admin.run({ opcode: 8, dwords: [0x7770000] }), { status: 0, result: 1 });
});

test('Get Log Page returns the requested part of a log', (t) => {
  const nvme = driver(t);
  const log = (id: number, length: number, offset = 0, namespace = 0xffffffff) => {
    nvme.page(8).fill(0xee);
    const dwords = [id + (length / 4 - 1) * 0x10000, 0, offset];
    return nvme.admin.run({ opcode: 2, namespace, prp1: nvme.address(8), dwords }).status;
  };
  t.is(log(2, 512), 0);
  t.is(Buffer.from(nvme.page(8)).readUInt16LE(1), 0x143);
  t.is(nvme.page(8)[512], 0xee);
  t.is(log(3, 8, 8), 0);
  t.is(Buffer.from(nvme.page(8)).toString('latin1', 0, 8), '1.0     ');
  t.is(log(1, 4096), 0);
  t.is(nvme.page(8)[64], 0xee);
  t.is(log(2, 512, 0, 2), DNR | 0x00b);
  t.is(log(9, 512), DNR | 0x002);
  t.is(log(1, 64, 64), DNR | 0x002);
  t.is(log(1, 64, 2), DNR | 0x002);
});
