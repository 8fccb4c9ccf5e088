import test, { type ExecutionContext } from 'ava';
import type { DeviceConnection } from '../../../../lib/contract/index.js';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { VfioError } from '../../../../lib/errors.js';
import { bind, connect, open, plainModel, trigger } from '../support.js';

/** Returns the result of a call. If the call throws, returns the code of the error. */
function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof VfioError) return error.code;
    throw error;
  }
}

const PAGE = BigInt(PAGE_SIZE);
const KERNELS = ['6.1', '6.12', '7.2', '7.3'] as const;

/**
 * Declares a test that runs on every kernel version and expects a result for each version.
 *
 * @param expected - expected outcome on each kernel
 */
function row(
  title: string,
  expected: readonly [unknown, unknown, unknown, unknown],
  run: (device: DeviceConnection, t: ExecutionContext) => unknown,
  model = 'nvme',
): void {
  test(title, (t) => {
    const actual = KERNELS.map((kernel) => {
      const device = open(t, `mock:${model}?kernel=${kernel}`);
      return outcome(() => run(device, t));
    });
    t.deepEqual(actual, [...expected]);
  });
}

row(
  'GET_IRQ_INFO reports whether MSI-X can grow',
  [9, 1, 1, 1],
  (device) => device.getIrqInfo(2).flags,
);

row(
  'MSI-X: since Linux 6.12, a vector above the enabled vectors can be bound; 6.1 gives EINVAL',
  ['EINVAL', 0, 0, 0],
  (device) => {
    bind(device, 2, 0, [device.createEventfd()]);
    return bind(device, 2, 4, [device.createEventfd()]);
  },
);

row(
  'MSI-X: if a block exceeds the enabled vectors, Linux 6.1 refuses the block and binds no vector',
  [1n, 0n, 0n, 0n],
  (device) => {
    const [first, other] = [device.createEventfd(), device.createEventfd()];
    bind(device, 2, 0, [first]);
    // From Linux 6.5 on, the kernel binds vector 0 before it detects the wrong file descriptor.
    outcome(() => bind(device, 2, 0, [other, 100]));
    trigger(device, 2, 0, 1);
    return first.read();
  },
);

row(
  'MSI-X: since Linux 6.12, loopback above the enabled vectors is ignored; 6.1 gives EINVAL',
  ['EINVAL', 0, 0, 0],
  (device) => {
    bind(device, 2, 0, [device.createEventfd()]);
    return trigger(device, 2, 0, 2);
  },
);

row(
  'MSI-X: since Linux 6.12, count 0 enables the vectors below `start`; 6.1 gives EINVAL',
  ['EINVAL', 0, 0, 0],
  (device) => device.setIrqs({ index: 2, flags: 0x24, start: 3, count: 0, eventfds: [] }),
);

row(
  'MSI-X: since Linux 6.12, count 0 above the enabled vectors has no effect; 6.1 gives EINVAL',
  ['EINVAL', 0, 0, 0],
  (device) => {
    bind(device, 2, 0, [null]);
    return device.setIrqs({ index: 2, flags: 0x24, start: 1, count: 0, eventfds: [] });
  },
);

row(
  'ERR: since Linux 6.12, a file descriptor below -1 gives EINVAL; 6.1 ignores the descriptor',
  [0, 'EINVAL', 'EINVAL', 'EINVAL'],
  (device) => bind(device, 3, 0, [-2]),
);

row(
  'ERR: since Linux 7.3, a conventional PCI function also has the index; GET_IRQ_INFO gave EINVAL before',
  ['EINVAL', 'EINVAL', 'EINVAL', 1],
  (device) => device.getIrqInfo(3).count,
  'edu',
);

row(
  'REQ: after a bind of a file descriptor below -1, the earlier eventfd stays bound',
  [1n, 1n, 1n, 1n],
  (device) => {
    const eventfd = device.createEventfd();
    bind(device, 4, 0, [eventfd]);
    outcome(() => bind(device, 4, 0, [-2]));
    trigger(device, 4, 0, 1);
    return eventfd.read();
  },
);

row(
  'MAP_DMA of a range that wraps around gives EOVERFLOW since Linux 7.2, and EINVAL before',
  ['EINVAL', 'EINVAL', 'EOVERFLOW', 'EOVERFLOW'],
  ({ addressSpace }) => {
    const memory = addressSpace.allocate(2 * PAGE_SIZE, false);
    addressSpace.mapSync(memory, 0, 2n * PAGE, 2n ** 64n - PAGE, 3);
  },
);

row(
  'UNMAP_DMA of a range that wraps around gives EOVERFLOW since Linux 7.2, and EINVAL before',
  ['EINVAL', 'EINVAL', 'EOVERFLOW', 'EOVERFLOW'],
  ({ addressSpace }) => addressSpace.unmap(2n ** 64n - PAGE, 2n * PAGE, 0),
);

row(
  'an ioeventfd of 8 bytes writes the register; only Linux 7.2 refuses the ioeventfd with EINVAL',
  [undefined, undefined, 'EINVAL', undefined],
  (device) => {
    const eventfd = device.createEventfd();
    device.ioeventfd({ region: 0, offset: 0x28, width: 8, value: 0x1122_3344_5566_7000n, eventfd });
    eventfd.signal();
    return device.load(0, 0x2c, 4) === 0x1122_3344 ? undefined : 'not written';
  },
);

row(
  'since Linux 6.12, a write of 8 bytes through the device file is one access',
  [0, 0x1234_5678, 0x1234_5678, 0x1234_5678],
  (device) => {
    // The DMA registers of edu accept accesses of 4 and of 8 bytes.
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, 0x9abc_def0_1234_5678n, true);
    device.write(0, 0x80, bytes);
    const whole = device.map(0, 0, PAGE_SIZE).read64(0x80);
    return whole === 0x9abc_def0_1234_5678n ? Number(whole & 0xffff_ffffn) : 0;
  },
  'edu',
);

test('Linux 6.1 has no VFIO character devices', (t) => {
  const error = t.throws(() => open(t, 'mock:nvme?kernel=6.1&via=cdev'), { instanceOf: VfioError });
  t.like(error, { code: 'ENOENT', syscall: 'open', path: '/dev/iommu' });
  t.is(open(t, 'mock:nvme?kernel=6.12&via=cdev').via, 'cdev');
});

test('GET_PCI_HOT_RESET_INFO reports group ids by group, and device ids of the iommufd by cdev', (t) => {
  const info = (via: string) => open(t, `mock:nvme?via=${via}`).getHotResetInfo();
  t.like(info('group'), { flags: 0 });
  t.deepEqual(info('cdev'), { flags: 3, devices: [{ name: 'mock:nvme?via=cdev', id: 2 }] });
});

test('the setting `kernel` in a name selects the kernel of the mock device', (t) => {
  const model = plainModel([]);
  t.is(connect(t, model, undefined, { kernel: '6.1' }).getIrqInfo(4).count, 1);
});
