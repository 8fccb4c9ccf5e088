import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { PAGE_SIZE } from '../../../lib/checks.js';
import type { DeviceConnection, Via } from '../../../lib/contract/index.js';
import { MockBackend } from '../../../lib/backend/mock/index.js';
import { ModelRegistry } from '../../../lib/backend/mock/models/registry.js';
import { deviceApi } from '../../../lib/device/open.js';
import { dsa } from '../../../lib/backend/mock/models/dsa/index.js';
import { nvme } from '../../../lib/backend/mock/models/nvme/index.js';
import { closing, fails } from './support.js';

const MSIX = 2;
const EVENTFD_TRIGGER = 0x24;
const NONE_TRIGGER = 0x21;
/** The controller configuration and the controller status of NVMe. */
const [CC, CSTS] = [0x14, 0x1c];
const ENABLE = 0x0046_0001;

/** A card with two functions. */
function card(t: ExecutionContext) {
  const backend = new MockBackend(new ModelRegistry([nvme]));
  const nameOf = (index: number) => `mock:nvme?function=${index}`;
  return {
    backend,
    nameOf,
    open: (index: number, via?: Via) => closing(t, backend.openSync(nameOf(index), { via })),
  };
}

/** Returns the ids in the hot reset information. */
function ids(device: DeviceConnection): number[] {
  return device.getHotResetInfo().devices.map(({ id }) => id);
}

test('a hot reset resets both functions of a card, and keeps their interrupts', (t) => {
  const { open } = card(t);
  const functions = [open(0), open(1)] as const;
  const [first, second] = functions;
  const eventfds = functions.map((device) => device.createEventfd());
  for (const [i, device] of functions.entries()) {
    const eventfd = eventfds[i] ?? null;
    const set = { index: MSIX, flags: EVENTFD_TRIGGER, start: 0, count: 1 };
    t.is(device.setIrqs({ ...set, eventfds: [eventfd] }), 0);
  }
  const resets = [
    () => {
      first.hotReset([]);
    },
    () => {
      first.hotReset([second]);
    },
    () => {
      second.hotReset([first, first]);
    },
  ];
  for (const reset of resets) {
    for (const device of functions) device.store(0, CC, 4, ENABLE);
    reset();
    t.deepEqual(
      functions.map((device) => device.load(0, CSTS, 4)),
      [0, 0],
    );
  }
  first.store(0, CC, 4, ENABLE);
  second.resetSync();
  t.not(first.load(0, CSTS, 4), 0);
  for (const [i, device] of functions.entries()) {
    device.setIrqs({ index: MSIX, flags: NONE_TRIGGER, start: 0, count: 1 });
    t.is(eventfds[i]?.read(), 1n);
  }
});

test('each open device of a bus reports a hot reset, whether the caller lists the device or not', async (t) => {
  const { openDeviceSync } = deviceApi([new MockBackend(new ModelRegistry([nvme]))]);
  const names = [0, 1, 0].map((n) => `mock:nvme#bus?function=${n}`).concat('mock:nvme#other');
  const devices = names.map((name) => openDeviceSync(name));
  const resets = devices.map(() => 0);
  for (const [i, { messages }] of devices.entries()) {
    messages.on('change', ({ reason }) => {
      if (reason === 'reset') resets[i] = (resets[i] ?? 0) + 1;
    });
  }
  const [first, second] = devices;
  first?.hotReset();
  t.deepEqual(resets, [1, 1, 1, 0]);
  if (second !== undefined) first?.hotReset([second]);
  t.deepEqual(resets, [2, 2, 2, 0]);
  second?.close();
  await first?.reset();
  t.deepEqual(resets, [3, 2, 3, 0]);
  for (const device of devices) device.close();
});

test('via group, a hot reset reports both functions with the number of their group', (t) => {
  const { open, nameOf } = card(t);
  const first = open(0);
  const { flags, devices } = first.getHotResetInfo();
  t.is(flags, 0);
  t.deepEqual(
    devices.map(({ name }) => name),
    [nameOf(0), nameOf(1)],
  );
  t.is(devices[0]?.id, devices[1]?.id);
  const second = open(1);
  t.deepEqual(ids(second), ids(first));
  fails(t, 'EBUSY', () => open(1, 'cdev'));
});

// The ids are those of Linux 7.2 in the lab.
test('via cdev, a hot reset reports the ids of the open functions, and 0 for the others', (t) => {
  const { open } = card(t);
  const first = open(0, 'cdev');
  t.is(first.getHotResetInfo().flags, 3);
  t.deepEqual(ids(first), [2, 0]);
  fails(t, 'EBUSY', () => open(1, 'group'));
  fails(t, 'EINVAL', () => open(0, 'cdev'));
  const second = open(1, 'cdev');
  t.deepEqual(ids(second), [2, 4]);
  first.close();
  t.deepEqual(ids(second), [0, 4]);
  open(0, 'cdev');
  t.deepEqual(ids(second), [2, 4]);
});

test('the functions of a card share one address space until the last function is closed', (t) => {
  const { open } = card(t);
  const [first, second] = [open(0), open(1)];
  t.is(first.addressSpace, second.addressSpace);
  const memory = first.addressSpace.allocate(PAGE_SIZE, false);
  first.addressSpace.mapSync(memory, 0, BigInt(PAGE_SIZE), 0x10000n, 3);
  first.close();
  fails(t, 'EEXIST', () => {
    second.addressSpace.mapSync(memory, 0, BigInt(PAGE_SIZE), 0x10000n, 3);
  });
  second.close();
  fails(t, 'EBADF', () => second.addressSpace.unmap(0n, 0n, 2));
  t.is(open(0).addressSpace.unmap(0n, 0n, 2), 0n);
});

test('an unplug removes both functions of a card', (t) => {
  const { backend, open, nameOf } = card(t);
  const [first, second] = [open(0), open(1)];
  const control = backend.control(nameOf(1));
  control.unplug();
  for (const device of [first, second]) {
    fails(t, 'EAGAIN', () => {
      device.resetSync();
    });
  }
  first.close();
  second.close();
  fails(t, 'ENODEV', () => open(0));
  control.clear();
  t.notThrows(() => open(0));
});

/** Returns the bytes of the heap and of array buffers that remain after garbage collection. */
async function measureMemory(): Promise<number> {
  // The memory of detached array buffers is freed in a later turn of the event loop.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await turn();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test.serial('the names of closed devices keep no memory', async (t) => {
  t.timeout(120_000);
  const backend = new MockBackend(new ModelRegistry([nvme]));
  const use = (names: number, offset: number) => {
    for (let i = 0; i < names; i++) backend.openSync(`mock:nvme#${offset + i}`, {}).close();
    for (let i = 0; i < names; i++) {
      t.throws(() => backend.openSync(`mock:nvme#${offset + i}?kernel=6.1`, { via: 'cdev' }));
    }
  };
  use(100, 0);
  const before = await measureMemory();
  use(2000, 100);
  const bytes = ((await measureMemory()) - before) / 2000;
  t.log(`${Math.round(bytes)} bytes for each name`);
  t.true(bytes < 400);
});

test.serial(
  'a closed device with a mapped BAR is freed in the same turn of the event loop',
  (t) => {
    t.timeout(120_000);
    const { openDeviceSync } = deviceApi([new MockBackend(new ModelRegistry([dsa]))]);
    const use = (devices: number) => {
      for (let i = 0; i < devices; i++) {
        const device = openDeviceSync(`mock:dsa#${i}`);
        device.bar(0).map();
        device.close();
      }
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    const before = use(10);
    const bytes = (use(40) - before) / 40;
    t.log(`${Math.round(bytes)} bytes for each device`);
    t.true(bytes < 200_000);
  },
);

test.serial('an open device with many registers needs little memory', async (t) => {
  const backend = new MockBackend(new ModelRegistry([dsa]));
  const open = (count: number) =>
    Array.from({ length: count }, () => backend.openSync(`mock:dsa#many${++opened}`, {}));
  let opened = 0;
  open(5);
  const before = await measureMemory();
  const devices = open(50);
  const bytes = ((await measureMemory()) - before) / devices.length;
  for (const device of devices) device.close();
  t.log(`${Math.round(bytes)} bytes for each device`);
  t.true(bytes < 600_000);
});

test('a device keeps its faults while it is closed', (t) => {
  const backend = new MockBackend(new ModelRegistry([nvme]));
  backend.control('mock:nvme#x').fail('reset', 'EIO', { nth: 2 });
  const reset = () => {
    const device = closing(t, backend.openSync('mock:nvme#x', {}));
    try {
      device.resetSync();
    } finally {
      device.close();
    }
  };
  reset();
  fails(t, 'EIO', reset);
  t.is(backend.control('mock:nvme#x'), backend.control('mock:nvme#x'));
});
