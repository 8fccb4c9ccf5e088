// Tests that every use of a closed device, or of a part of the device, fails with EBADF.
import test, { type ExecutionContext } from 'ava';
import { openConnection, openDevice, signalEventfds, VfioError } from 'vfio';
import { EDU, enable, NVME, withDevice } from './targets.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const READ_WRITE = 3;
const MSIX = 2;
const BIND = 0x24;
const REQ = 4;
const LOOPBACK = 0x21;

/**
 * Checks that each use fails with EBADF. The error has no hint, because the program itself closed
 * the object.
 */
async function allFail(
  t: ExecutionContext,
  uses: Readonly<Record<string, () => unknown>>,
): Promise<void> {
  for (const [what, use] of Object.entries(uses)) {
    // eslint-disable-next-line @typescript-eslint/require-await
    const error = await t.throwsAsync(async () => use(), { instanceOf: VfioError }, what);
    t.is(error.code, 'EBADF', what);
    t.is(error.hint, undefined, what);
  }
}

test.serial('every call of a closed connection fails with EBADF', async (t) => {
  const connection = await openConnection(NVME);
  const { addressSpace } = connection;
  const window = connection.map(0, 0, PAGE);
  const memory = addressSpace.allocate(PAGE, false);
  connection.close();
  connection.close();
  const bytes = new Uint8Array(4);
  const start = 1n << 20n;
  await allFail(t, {
    getInfo: () => connection.getInfo(),
    getRegionInfo: () => connection.getRegionInfo(0),
    getIrqInfo: () => connection.getIrqInfo(0),
    setIrqs: () => connection.setIrqs({ index: MSIX, flags: 0x21, start: 0, count: 0 }),
    feature: () => connection.feature(0, bytes),
    read: () => connection.read(0, 0, bytes),
    write: () => connection.write(0, 0, bytes),
    load: () => connection.load(7, 0, 4),
    store: () => {
      connection.store(7, 4, 2, 0);
    },
    map: () => connection.map(0, 0, PAGE),
    reset: () => connection.reset(),
    resetSync: () => {
      connection.resetSync();
    },
    getHotResetInfo: () => connection.getHotResetInfo(),
    hotReset: () => {
      connection.hotReset([]);
    },
    ioeventfd: () => {
      connection.ioeventfd({ region: 0, offset: 0, width: 4, value: 0n, eventfd: null });
    },
    createAddressSpace: () => connection.createAddressSpace(),
    attachPasid: () => {
      connection.attachPasid(1);
    },
    detachPasid: () => {
      connection.detachPasid(1);
    },
    createEventfd: () => connection.createEventfd(),
    createEventSet: () => connection.createEventSet(1),
    getAffinity: () => connection.getAffinity(MSIX, 0),
    setAffinity: () => {
      connection.setAffinity(MSIX, 0, [0]);
    },
    synchronizeIrqs: () => {
      connection.synchronizeIrqs(MSIX, [0]);
    },
    'a window': () => window.read32(0),
    'the page sizes': () => addressSpace.pageSizes,
    'the ranges': () => addressSpace.ranges(),
    'allocated memory': () => addressSpace.allocate(PAGE, false),
    'a mapping': () => addressSpace.map(memory, 0, BigInt(PAGE), start, READ_WRITE),
    'a synchronous mapping': () => {
      addressSpace.mapSync(memory, 0, BigInt(PAGE), start, READ_WRITE);
    },
    'an unmapping': () => addressSpace.unmap(start, BigInt(PAGE), 0),
  });
  memory.release();
});

test.serial(
  'use of a closed eventfd, event set or memory fails with EBADF on an open device',
  async (t) => {
    await using device = await openDevice(NVME);
    const { connection } = device;
    const eventfd = connection.createEventfd();
    const open = connection.createEventfd();
    const set = connection.createEventSet(2);
    const memory = connection.addressSpace.allocate(PAGE, false);
    eventfd.close();
    memory.release();
    const { start = 0n } = connection.addressSpace.ranges()[0] ?? {};
    await allFail(t, {
      signal: () => {
        eventfd.signal();
      },
      'signal with a count': () => {
        eventfd.signal(2n);
      },
      read: () => eventfd.read(),
      signalEventfds: () => {
        signalEventfds([eventfd]);
      },
      'an event set that watches the eventfd': () => {
        set.add(0, eventfd, false);
      },
      'a bind of the eventfd to an interrupt': () =>
        connection.setIrqs({ index: MSIX, flags: BIND, start: 0, count: 1, eventfds: [eventfd] }),
      'an ioeventfd': () => {
        connection.ioeventfd({ region: 0, offset: 0x1000, width: 4, value: 0n, eventfd });
      },
      buffer: () => memory.buffer,
      'a mapping of released memory': () => {
        connection.addressSpace.mapSync(memory, 0, BigInt(PAGE), start, READ_WRITE);
      },
    });
    set.close();
    await allFail(t, {
      add: () => {
        set.add(0, open, false);
      },
      remove: () => {
        set.remove(0);
      },
      serve: () => {
        set.serve(() => undefined);
      },
      pause: () => {
        set.pause();
      },
      wait: () => set.wait(0),
      spin: () => set.spin(0),
      ref: () => {
        set.ref();
      },
      unref: () => {
        set.unref();
      },
    });
    // A wrong argument throws a TypeError, even after close().
    t.throws(
      () =>
        connection.setIrqs({
          index: MSIX,
          flags: BIND,
          start: 0,
          count: 1,
          eventfds: [{} as never],
        }),
      {
        instanceOf: TypeError,
      },
    );
    open.close();
  },
);

test.serial('every access to a closed window fails with EBADF', async (t) => {
  await withDevice(t, EDU, async (device) => {
    const window = device.bar(0).map();
    window.close();
    await allFail(t, {
      read8: () => window.read8(0),
      read16: () => window.read16(0),
      read32: () => window.read32(0),
      read64: () => window.read64(0),
      write8: () => {
        window.write8(0, 0);
      },
      write16: () => {
        window.write16(0, 0);
      },
      write32: () => {
        window.write32(0, 0);
      },
      write64: () => {
        window.write64(0, 0n);
      },
      readBlock: () => {
        window.readBlock(0, new Uint8Array(8), 4);
      },
      writeBlock: () => {
        window.writeBlock(0, new Uint8Array(8), 4);
      },
    });
  });
});

test.serial('every part of a closed device fails with EBADF', async (t) => {
  const device = await openDevice(EDU);
  enable(device);
  const region = device.bar(0);
  const vector = device.interrupts.msi.request(0);
  const { eventfd } = vector;
  const poller = device.interrupts.poll();
  const buffer = device.dma.allocateSync(PAGE);
  const { bytes } = buffer;
  await withDevice(t, NVME, async (other) => {
    device.close();
    await allFail(t, {
      'a hot reset with a closed device in the list': () => {
        other.hotReset([device]);
      },
    });
  });
  t.is(bytes.length, 0, 'the close detaches the typed array of the buffer');
  await allFail(t, {
    connection: () => device.connection,
    config: () => device.config.read32(0),
    'an access to a register by name': () => {
      device.config.update('command', { memory: 1 });
    },
    capabilities: () => device.config.capabilities(),
    regions: () => device.regions,
    'read of a region': () => region.read(0, 4),
    'load of a region': () => region.load(0, 4),
    'map of a region': () => region.map(),
    'allocate memory': () => device.dma.allocate(PAGE),
    'unmap memory': () => device.dma.unmap(0n, PAGE),
    ranges: () => device.dma.ranges(),
    bytes: () => buffer.bytes,
    buffer: () => buffer.buffer,
    'request a vector': () => device.interrupts.msi.request(0),
    'trigger a vector': () => {
      vector.trigger();
    },
    'next of a vector': () => vector.next(),
    'the eventfd of a vector': () => {
      eventfd.signal();
    },
    poller: () => poller.wait(0),
    messages: () => device.messages.support,
    feature: () => device.features.probe(0),
    reset: () => device.reset(),
    hotReset: () => {
      device.hotReset();
    },
    createEventfd: () => device.createEventfd(),
  });
  t.notThrows(() => {
    buffer.free();
    vector.close();
    poller.close();
  });
});

test.serial(
  'after the host has requested the device back, the EBADF error has a hint',
  async (t) => {
    const device = await openDevice(EDU);
    const { connection } = device;
    const { addressSpace } = connection;
    const window = device.bar(0).map();
    const buffer = device.dma.allocateSync(PAGE);
    const vector = device.interrupts.msi.request(0);
    const freed = device.dma.allocateSync(PAGE);
    freed.free();
    const ended = t.throwsAsync(vector.next(), { code: 'ECANCELED' });
    connection.setIrqs({ index: REQ, flags: LOOPBACK, start: 0, count: 1 });
    await ended;
    t.true(device.closed);
    const uses: Record<string, () => unknown> = {
      config: () => device.config.read32(0),
      connection: () => connection.getInfo(),
      'the address space': () => addressSpace.ranges(),
      window: () => window.read32(0),
      buffer: () => buffer.bytes,
      vector: () => {
        vector.trigger();
      },
      eventfd: () => {
        vector.eventfd.signal();
      },
    };
    for (const [what, use] of Object.entries(uses)) {
      const error = t.throws(use, { instanceOf: VfioError, code: 'EBADF' }, what);
      t.regex(error.hint ?? '', /^The host requested the device back/, what);
    }
    await allFail(t, { 'a buffer that the program has freed': () => freed.bytes });
  },
);
