// The assertions of Linux 7.2 (tools/testing/selftests/vfio) that can run on QEMU's devices with
// this library. The tests of SR-IOV, of DMA to BARs, and of binding an invalid descriptor are
// omitted.
import test from 'ava';
import { openConnection, VfioError } from 'vfio';
import type { DeviceConnection } from '../../lib/contract/index.js';
import { EDU, NVME } from './targets.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const CONFIG = 7;
const COMMAND = 4;
const BUS_MASTER = 4;
const FLAGS_RESET = 1;
const REGION_MMAP = 4;
const BARS = [0, 1, 2, 3, 4, 5];
const MSI = 1;
const MSIX = 2;
const DATA_NONE = 1;
const DATA_EVENTFD = 4;
const TRIGGER = 0x20;
const MOST_VECTORS = 16;
const READ_WRITE = 3;
const UNMAP_ALL = 2;
const MIB = 2 ** 20;
const U64_MAX = 2n ** 64n - 1n;

/** Opens a connection, runs a test, and closes the connection. */
async function withConnection(
  name: string,
  body: (connection: DeviceConnection) => unknown,
): Promise<void> {
  const connection = await openConnection(name);
  try {
    await body(connection);
  } finally {
    connection.close();
  }
}

function kernelOf({ kernel }: DeviceConnection): number {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(kernel) ?? [];
  return Number(major) * 1000 + Number(minor);
}

for (const [label, name] of [
  ['nvme', NVME],
  ['edu', EDU],
] as const) {
  test.serial(`selftests: ${label}: config_space_read_write`, async (t) => {
    await withConnection(name, (connection) => {
      const command = connection.load(CONFIG, COMMAND, 2);
      t.is(command & BUS_MASTER, 0);
      for (const master of [BUS_MASTER, 0]) {
        connection.store(CONFIG, COMMAND, 2, (command & ~BUS_MASTER) | master);
        t.is(connection.load(CONFIG, COMMAND, 2) & BUS_MASTER, master);
      }
    });
  });

  test.serial(`selftests: ${label}: validate_bars`, async (t) => {
    await withConnection(name, (connection) => {
      t.is(connection.getRegionInfo(CONFIG).flags & REGION_MMAP, 0);
      for (const index of BARS) {
        const { flags, size } = connection.getRegionInfo(index);
        t.is(size & (size - 1n), 0n, `the size of BAR ${index} is a power of two`);
        if ((flags & REGION_MMAP) === 0) {
          t.throws(() => connection.map(index, 0, PAGE), { code: 'EINVAL' });
          continue;
        }
        t.true(size > 0n);
        const window = connection.map(index, 0, Number(size));
        t.is(window.size, Number(size));
        window.close();
      }
    });
  });

  for (const index of [MSI, MSIX]) {
    test.serial(`selftests: ${label}: irq ${index}: enable_trigger_disable`, async (t) => {
      await withConnection(name, (connection) => {
        const count = Math.min(connection.getIrqInfo(index).count, MOST_VECTORS);
        const eventfds = Array.from({ length: count }, () => connection.createEventfd());
        const set = { index, flags: DATA_EVENTFD | TRIGGER, start: 0, count, eventfds };
        if (count > 0) t.is(connection.setIrqs(set), 0);
        for (const [start, eventfd] of eventfds.entries()) {
          t.is(eventfd.read(), 0n);
          connection.setIrqs({ index, flags: DATA_NONE | TRIGGER, start, count: 1 });
          t.is(eventfd.read(), 1n);
        }
        const disable = { index, flags: DATA_NONE | TRIGGER, start: 0, count: 0 };
        if (count > 0) t.is(connection.setIrqs(disable), 0);
        else t.throws(() => connection.setIrqs(disable), { code: 'EINVAL' });
        for (const eventfd of eventfds) eventfd.close();
      });
    });
  }

  test.serial(`selftests: ${label}: reset`, async (t) => {
    await withConnection(name, async (connection) => {
      const { flags } = connection.getInfo();
      t.is(flags & FLAGS_RESET, FLAGS_RESET);
      await t.notThrowsAsync(connection.reset());
    });
  });

  for (const [what, size, huge] of [
    ['pages', 4 * PAGE, false],
    ['2 MiB pages', 2 * MIB, true],
  ] as const) {
    test.serial(`selftests: ${label}: dma_map_unmap: ${what}`, async (t) => {
      await withConnection(name, async ({ addressSpace }) => {
        const memory = addressSpace.allocate(size, huge);
        const iova = addressSpace.ranges()[0]?.start ?? 0n;
        await addressSpace.map(memory, 0, BigInt(size), iova, READ_WRITE);
        t.is(addressSpace.unmap(iova, BigInt(size), 0), BigInt(size));
        // After the unmap, the range can be mapped again.
        addressSpace.mapSync(memory, 0, BigInt(size), iova, READ_WRITE);
        t.is(addressSpace.unmap(iova, BigInt(size), 0), BigInt(size));
        memory.release();
      });
    });
  }

  test.serial(`selftests: ${label}: dma_map_limit: unmap_range, unmap_all`, async (t) => {
    await withConnection(name, async ({ addressSpace, via }) => {
      const memory = addressSpace.allocate(PAGE, false);
      const size = BigInt(PAGE);
      const last = addressSpace.ranges().at(-1)?.end ?? 0n;
      const iova = last - size + 1n;
      await addressSpace.map(memory, 0, size, iova, READ_WRITE);
      t.is(addressSpace.unmap(iova, size, 0), size);
      await addressSpace.map(memory, 0, size, iova, READ_WRITE);
      const all: [bigint, bigint, number] = via === 'cdev' ? [0n, U64_MAX, 0] : [0n, 0n, UNMAP_ALL];
      t.is(addressSpace.unmap(...all), size);
      memory.release();
    });
  });

  test.serial(`selftests: ${label}: dma_map_limit: overflow`, async (t) => {
    await withConnection(name, (connection) => {
      const { addressSpace, via } = connection;
      const memory = addressSpace.allocate(2 * PAGE, false);
      const iova = U64_MAX & ~BigInt(PAGE - 1);
      // Since Linux 6.19, a container refuses the overflow with EOVERFLOW, as iommufd does.
      const code = via === 'cdev' || kernelOf(connection) >= 6019 ? 'EOVERFLOW' : 'EINVAL';
      const size = BigInt(2 * PAGE);
      t.throws(
        () => {
          addressSpace.mapSync(memory, 0, size, iova, READ_WRITE);
        },
        { instanceOf: VfioError, code },
      );
      t.throws(() => addressSpace.unmap(iova, size, 0), { instanceOf: VfioError, code });
      memory.release();
    });
  });
}

test.serial('selftests: nvme: a driver can bind vector 1 first', async (t) => {
  await withConnection(NVME, (connection) => {
    const eventfd = connection.createEventfd();
    const one = { index: MSIX, start: 1, count: 1 };
    const enable = { ...one, flags: DATA_EVENTFD | TRIGGER, eventfds: [eventfd] };
    t.is(connection.setIrqs(enable), 0);
    t.is(eventfd.read(), 0n, 'without a trigger, no interrupt is delivered');
    connection.setIrqs({ ...one, flags: DATA_NONE | TRIGGER });
    t.is(eventfd.read(), 1n);
    eventfd.close();
  });
});

test.serial('selftests: several devices are open at the same time', async (t) => {
  const names = [NVME, EDU];
  const connections = await Promise.all(names.map((name) => openConnection(name)));
  t.deepEqual(
    connections.map(({ name }) => name),
    names,
  );
  for (const connection of connections) connection.close();
});

test.serial('selftests: repeated_bind_fails', async (t) => {
  await withConnection(EDU, async (connection) => {
    t.truthy(connection.getInfo());
    await t.throwsAsync(openConnection(EDU, { via: 'cdev' }), { instanceOf: VfioError });
  });
});
