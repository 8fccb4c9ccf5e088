import test from 'ava';
import { fileURLToPath } from 'node:url';
import type { DeviceConnection, Eventfd } from '../../../../lib/contract/index.js';
import { HostInterrupts } from '../../../../lib/backend/mock/machine/interrupts.js';
import {
  VFIO_IRQ_SET_ACTION_MASK as MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER as TRIGGER,
  VFIO_IRQ_SET_ACTION_UNMASK as UNMASK,
  VFIO_IRQ_SET_DATA_BOOL as BOOL,
  VFIO_IRQ_SET_DATA_EVENTFD as EVENTFD,
  VFIO_IRQ_SET_DATA_NONE as NONE,
  VFIO_PCI_ERR_IRQ_INDEX as ERR,
  VFIO_PCI_INTX_IRQ_INDEX as INTX,
  VFIO_PCI_MSI_IRQ_INDEX as MSI,
  VFIO_PCI_MSIX_IRQ_INDEX as MSIX,
  VFIO_PCI_REQ_IRQ_INDEX as REQ,
} from '../../../../lib/contract/uapi.js';
import {
  bind,
  CONFIG,
  connect,
  enableBusMaster,
  fails,
  open,
  plainModel,
  trigger,
} from '../support.js';

// This function has MSI, MSI-X and power management.
const E1000E = fileURLToPath(new URL('../../../../../test/snapshot/e1000e.json', import.meta.url));
const MSIX_CAPABILITY = {
  name: 'msix',
  offset: 0x40,
  vectors: 8,
  table: { bar: 0, offset: 0x1000 },
  pba: { bar: 0, offset: 0x1800 },
} as const;
const PENDING = 0x1800;

/** Makes a device of the model signal a vector. */
function raise(device: DeviceConnection, vector: number): void {
  device.store(0, 0, 4, vector);
}

function eventfds(device: DeviceConnection, n: number): Eventfd[] {
  return Array.from({ length: n }, () => device.createEventfd());
}

test('GET_IRQ_INFO returns the indexes of nvme and edu', (t) => {
  const table = (name: string) => {
    const device = open(t, name);
    return [INTX, MSI, MSIX, REQ].map((index) => {
      const { flags, count } = device.getIrqInfo(index);
      return [flags, count];
    });
  };
  t.deepEqual(table('mock:nvme'), [
    [7, 1],
    [9, 0],
    [1, 65],
    [9, 1],
  ]);
  t.deepEqual(table('mock:edu'), [
    [7, 1],
    [9, 1],
    [9, 0],
    [9, 1],
  ]);
  t.deepEqual(open(t, 'mock:nvme').getIrqInfo(ERR), { index: ERR, flags: 9, count: 1 });
  fails(t, 'EINVAL', () => open(t, 'mock:edu').getIrqInfo(ERR));
  fails(t, 'EINVAL', () => open(t, 'mock:nvme').getIrqInfo(5));
});

test('SET_IRQS checks a request in the kernel’s order', (t) => {
  const device = open(t, 'mock:nvme');
  const base = { index: MSIX, flags: TRIGGER | EVENTFD, start: 0, count: 1, eventfds: [null] };
  const cases: [string, Partial<typeof base> & { argsz?: number; bools?: number[] }][] = [
    ['EINVAL', { argsz: 19 }],
    ['EINVAL', { index: 5 }],
    ['EINVAL', { count: 0xffffffff }],
    ['EINVAL', { start: 1, count: 0xfffffffe }],
    ['EINVAL', { flags: TRIGGER | EVENTFD | 0x40 }],
    ['EINVAL', { start: 65, count: 0 }],
    ['EINVAL', { start: 60, count: 6 }],
    ['EINVAL', { index: MSI, count: 0, flags: TRIGGER | NONE }],
    ['EINVAL', { flags: TRIGGER }],
    ['EINVAL', { flags: TRIGGER | NONE | BOOL }],
    ['EINVAL', { count: 2 }],
    ['EINVAL', { argsz: 23 }],
    ['ENOTTY', { flags: EVENTFD }],
    ['ENOTTY', { flags: TRIGGER | MASK | EVENTFD }],
    ['ENOTTY', { flags: MASK | NONE }],
    ['ENOTTY', { flags: UNMASK | NONE }],
    ['ENOTTY', { index: REQ, flags: MASK | NONE }],
    ['ENOTTY', { index: ERR, flags: UNMASK | NONE }],
  ];
  for (const [code, change] of cases) {
    fails(t, code, () => device.setIrqs({ ...base, ...change }));
  }
  t.is(device.setIrqs({ ...base, argsz: 100 }), 0);
});

test('SET_IRQS reads missing data as zeros, and file descriptor 0 is not an eventfd', (t) => {
  const device = open(t, 'mock:nvme');
  const set = { index: MSIX, flags: TRIGGER | EVENTFD, start: 0, count: 2, eventfds: [null] };
  fails(t, 'EINVAL', () => device.setIrqs({ ...set, argsz: 28 }));
  fails(t, 'EBADF', () => device.setIrqs({ ...set, eventfds: [null, 77] }));
});

test('a call of setIrqs() with wrong arguments throws and changes nothing', (t) => {
  const device = open(t, 'mock:nvme');
  const [eventfd] = eventfds(device, 1);
  bind(device, MSIX, 0, [eventfd ?? null]);
  const closed = device.createEventfd();
  closed.close();
  t.throws(() => bind(device, MSIX, 0, [null, closed]), { code: 'EBADF' });
  t.throws(() => bind(device, MSIX, 0, [null, {} as Eventfd]), { instanceOf: TypeError });
  t.throws(() => bind(device, MSIX, -1, [null]), { instanceOf: RangeError });
  t.throws(() => bind(device, MSIX, 0, [2 ** 31]), { instanceOf: RangeError });
  trigger(device, MSIX, 0, 1);
  t.is(eventfd?.read(), 1n);
});

test('MSI-X: loopback signals the bound eventfds until the index is disabled', (t) => {
  const device = open(t, 'mock:nvme');
  const [a, b] = eventfds(device, 2);
  t.is(bind(device, MSIX, 0, [a ?? null, null, b ?? null]), 0);
  t.is(trigger(device, MSIX, 0, 65), 0);
  device.setIrqs({ index: MSIX, flags: TRIGGER | BOOL, start: 0, count: 3, bools: [1, 1, 0] });
  t.is(a?.read(), 2n);
  t.is(b?.read(), 1n);
  t.is(trigger(device, MSIX, 64, 0), 0);
  fails(t, 'EINVAL', () => trigger(device, MSIX, 0, 1));
  fails(t, 'EINVAL', () => trigger(device, MSIX, 0, 0));
});

test('MSI-X: a vector above the enabled vectors can be added, even with a gap', (t) => {
  const device = open(t, 'mock:nvme');
  const [a, b] = eventfds(device, 2);
  bind(device, MSIX, 0, [a ?? null]);
  bind(device, MSIX, 50, [b ?? null]);
  trigger(device, MSIX, 0, 65);
  t.is(a?.read(), 1n);
  t.is(b?.read(), 1n);
});

test('MSI: adding a vector above the enabled vectors fails with EINVAL', (t) => {
  const device = connect(t, plainModel([{ name: 'msi', offset: 0x40, vectors: 4 }]));
  const [a] = eventfds(device, 1);
  t.is(bind(device, MSI, 0, [null, a ?? null]), 0);
  fails(t, 'EINVAL', () => bind(device, MSI, 2, [a ?? null]));
  t.is(bind(device, MSI, 2, [null]), 0);
  trigger(device, MSI, 1, 1);
  t.is(a?.read(), 1n);
});

test('enabling with file descriptors of -1 makes the index active without handlers', (t) => {
  const device = open(t, 'mock:nvme');
  t.is(bind(device, MSIX, 0, [-1, -7, null]), 0);
  t.is(trigger(device, MSIX, 0, 3), 0);
  fails(t, 'ENOENT', () => device.getAffinity(MSIX, 0));
  t.is(bind(device, MSIX, 3, []), 0);
});

test('SET_IRQS with count 0 enables the vectors below `start`, or fails if `start` is 0', (t) => {
  const device = open(t, 'mock:nvme');
  fails(t, 'ERANGE', () => bind(device, MSIX, 0, []));
  t.is(bind(device, MSIX, 3, []), 0);
  t.is(trigger(device, MSIX, 0, 1), 0);
});

test('if SET_IRQS fails at a vector, the vectors up to the failed vector are unbound', (t) => {
  const device = open(t, 'mock:nvme');
  const old = eventfds(device, 4);
  const fresh = eventfds(device, 2);
  bind(device, MSIX, 0, old);
  fails(t, 'EBADF', () => bind(device, MSIX, 0, [fresh[0] ?? null, 99, fresh[1] ?? null]));
  trigger(device, MSIX, 0, 4);
  t.deepEqual(
    old.map((eventfd) => eventfd.read()),
    [0n, 0n, 1n, 1n],
  );
  t.deepEqual(
    fresh.map((eventfd) => eventfd.read()),
    [0n, 0n],
  );
});

test('if SET_IRQS fails at a vector while enabling an index, the index is disabled again', (t) => {
  const device = open(t, 'mock:nvme');
  const [a] = eventfds(device, 1);
  fails(t, 'EINVAL', () => bind(device, MSIX, 0, [a ?? null, 1]));
  fails(t, 'EINVAL', () => trigger(device, MSIX, 0, 1));
  t.is(bind(device, INTX, 0, [a ?? null]), 0);
});

test('enabling a second index fails with EINVAL until the active index is disabled', (t) => {
  const device = connect(
    t,
    plainModel([{ name: 'msi', offset: 0x60, vectors: 1 }, MSIX_CAPABILITY]),
  );
  for (const active of [INTX, MSI, MSIX]) {
    t.is(bind(device, active, 0, [null]), 0);
    for (const other of [INTX, MSI, MSIX]) {
      if (other !== active) fails(t, 'EINVAL', () => bind(device, other, 0, [null]));
      if (other !== active) fails(t, 'EINVAL', () => trigger(device, other, 0, 0));
    }
    t.is(trigger(device, active, 0, 0), 0);
  }
});

test('if too few messages are free, SET_IRQS only returns the number of free messages', (t) => {
  const host = new HostInterrupts(3);
  const device = connect(t, plainModel([MSIX_CAPABILITY]), host);
  t.is(bind(device, MSIX, 0, [null, null, null, null]), 3);
  fails(t, 'EINVAL', () => trigger(device, MSIX, 0, 1));
  t.is(bind(device, MSIX, 0, [null, null, null]), 0);
  fails(t, 'ENOSPC', () => bind(device, MSIX, 3, [device.createEventfd()]));
  trigger(device, MSIX, 0, 0);
  t.is(bind(device, MSIX, 0, [null, null, null]), 0);
});

test('if no CPU vector is left, binding a block of vectors fails with ENOSPC', (t) => {
  const device = connect(t, plainModel([MSIX_CAPABILITY]), new HostInterrupts(100, 2));
  const [a, b, c] = eventfds(device, 3);
  t.is(bind(device, MSIX, 0, [null, null, null]), 0);
  bind(device, MSIX, 0, [a ?? null]);
  fails(t, 'ENOSPC', () => bind(device, MSIX, 1, [b ?? null, c ?? null]));
  trigger(device, MSIX, 0, 3);
  t.deepEqual(
    [a, b, c].map((eventfd) => eventfd?.read()),
    [1n, 0n, 0n],
  );
  t.is(bind(device, MSIX, 2, [c ?? null]), 0);
});

test('while bus mastering is enabled, a message signals the eventfd of its vector', (t) => {
  for (const [index, capability] of [
    [MSI, { name: 'msi', offset: 0x40, vectors: 4 }],
    [MSIX, MSIX_CAPABILITY],
  ] as const) {
    const device = connect(t, plainModel([capability]));
    const bound = eventfds(device, 4);
    bind(device, index, 0, bound);
    raise(device, 2);
    t.is(bound[2]?.read(), 0n);
    enableBusMaster(device);
    raise(device, 2);
    raise(device, 3);
    raise(device, 3);
    t.deepEqual(
      bound.map((eventfd) => eventfd.read()),
      [0n, 0n, 1n, 2n],
    );
    trigger(device, index, 0, 0);
    raise(device, 2);
    t.is(bound[2]?.read(), 0n);
  }
});

test('MSI-X: if no eventfd is bound, a message is pending until an eventfd is bound', (t) => {
  const device = connect(t, plainModel([MSIX_CAPABILITY]));
  enableBusMaster(device);
  const [a] = eventfds(device, 1);
  bind(device, MSIX, 0, [null, null]);
  raise(device, 1);
  raise(device, 1);
  t.is(device.load(0, PENDING, 4), 2);
  bind(device, MSIX, 1, [a ?? null]);
  t.is(device.load(0, PENDING, 4), 0);
  t.is(a?.read(), 1n);
  bind(device, MSIX, 1, [null]);
  raise(device, 1);
  trigger(device, MSIX, 0, 0);
  t.is(a?.read(), 0n);
});

test('MSI: a message before the first bind is kept; a message after an unbind is lost', (t) => {
  const device = connect(t, plainModel([{ name: 'msi', offset: 0x40, vectors: 2 }]));
  enableBusMaster(device);
  const [a] = eventfds(device, 1);
  bind(device, MSI, 0, [null, null]);
  raise(device, 1);
  raise(device, 1);
  bind(device, MSI, 1, [a ?? null]);
  t.is(a?.read(), 1n);
  bind(device, MSI, 1, [null]);
  raise(device, 1);
  bind(device, MSI, 1, [a ?? null]);
  t.is(a?.read(), 0n);
});

test('one eventfd can be bound to several vectors', (t) => {
  const device = open(t, 'mock:nvme');
  const [a] = eventfds(device, 1);
  bind(device, MSIX, 0, [a ?? null, a ?? null]);
  trigger(device, MSIX, 0, 2);
  t.is(a?.read(), 2n);
});

test('an eventfd that is closed stays bound to its vector', (t) => {
  const device = open(t, 'mock:nvme');
  const [a] = eventfds(device, 1);
  bind(device, MSIX, 0, [a ?? null]);
  a?.close();
  t.is(trigger(device, MSIX, 0, 1), 0);
  t.notThrows(() => device.getAffinity(MSIX, 0));
});

test('messages cannot be enabled in D3hot', (t) => {
  const device = open(t, 'mock:nvme');
  device.store(CONFIG, 0x64, 2, 3);
  fails(t, 'EINVAL', () => bind(device, MSIX, 0, [null]));
});

test('in D3hot the number 0 of vectors is ERANGE for MSI-X, and EINVAL for MSI', (t) => {
  const device = open(t, `mock:${E1000E}`);
  device.store(CONFIG, 0xcc, 2, 3);
  fails(t, 'ERANGE', () => bind(device, MSIX, 0, []));
  fails(t, 'EINVAL', () => bind(device, MSI, 0, []));
});

test('a reset keeps the configuration of SET_IRQS', (t) => {
  const device = connect(t, plainModel([MSIX_CAPABILITY]));
  enableBusMaster(device);
  const [a] = eventfds(device, 1);
  bind(device, MSIX, 0, [null, a ?? null]);
  const window = device.map(0, 0, 0x2000);
  window.write32(0x1010, 0);
  device.resetSync();
  t.not(window.read32(0x1010), 0);
  raise(device, 1);
  t.is(a?.read(), 1n);
});

test('if the device writes a message by DMA, the host gets an interrupt', (t) => {
  const model = plainModel([MSIX_CAPABILITY], (host) => [
    {
      offset: 0,
      width: 8,
      name: 'write',
      write: (address) => {
        host.dmaWrite(address, new Uint8Array(4));
      },
    },
  ]);
  const device = connect(t, model);
  enableBusMaster(device);
  const [a] = eventfds(device, 1);
  bind(device, MSIX, 0, [a ?? null]);
  const window = device.map(0, 0, 0x2000);
  const address = window.read64(0x1000);
  t.true(address >= 0xfee00000n && address < 0xfef00000n);
  window.write64(0, address);
  t.is(a?.read(), 1n);
  window.write64(0, 0xfee00ff8n);
  t.is(a?.read(), 0n);
});

test('the affinity of a vector can be set while the vector has a host interrupt', (t) => {
  const device = open(t, 'mock:nvme');
  const [a] = eventfds(device, 1);
  fails(t, 'ENOENT', () => device.getAffinity(MSIX, 0));
  fails(t, 'ENOENT', () => {
    device.setAffinity(MSIX, 0, [0]);
  });
  bind(device, MSIX, 0, [a ?? null, null]);
  t.true(device.getAffinity(MSIX, 0).includes(0));
  device.setAffinity(MSIX, 0, [0]);
  t.deepEqual(device.getAffinity(MSIX, 0), [0]);
  fails(t, 'ENOENT', () => device.getAffinity(MSIX, 1));
  fails(t, 'ENOENT', () => device.getAffinity(REQ, 0));
  fails(t, 'EINVAL', () => {
    device.setAffinity(MSIX, 0, [60000]);
  });
  t.throws(
    () => {
      device.setAffinity(MSIX, 0, []);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      device.setAffinity(MSIX, 0, [-1]);
    },
    { instanceOf: RangeError },
  );
});
