import test, { type ExecutionContext } from 'ava';
import type { DeviceConnection } from '../../../../lib/contract/index.js';
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

const KERNELS = ['6.1', '6.12', '7.2'] as const;

/**
 * Declares a test of a difference between the kernels.
 *
 * @param expected - expected outcome on each kernel
 */
function row(
  title: string,
  expected: readonly [unknown, unknown, unknown],
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
  [9, 1, 1],
  (device) => device.getIrqInfo(2).flags,
);

row('MSI-X: a vector beyond the enabled ones is added, or EINVAL', ['EINVAL', 0, 0], (device) => {
  bind(device, 2, 0, [device.createEventfd()]);
  return bind(device, 2, 4, [device.createEventfd()]);
});

row(
  'MSI-X: 6.1 refuses a block that exceeds the enabled vectors before it binds any',
  [1n, 0n, 0n],
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
  'MSI-X: loopback beyond the enabled vectors is ignored, or EINVAL',
  ['EINVAL', 0, 0],
  (device) => {
    bind(device, 2, 0, [device.createEventfd()]);
    return trigger(device, 2, 0, 2);
  },
);

row('MSI-X: count 0 enables the vectors before start, or EINVAL', ['EINVAL', 0, 0], (device) =>
  device.setIrqs({ index: 2, flags: 0x24, start: 3, count: 0, eventfds: [] }),
);

row(
  'MSI-X: count 0 beyond the enabled vectors does nothing, or EINVAL',
  ['EINVAL', 0, 0],
  (device) => {
    bind(device, 2, 0, [null]);
    return device.setIrqs({ index: 2, flags: 0x24, start: 1, count: 0, eventfds: [] });
  },
);

row('ERR: a descriptor below -1 is ignored, or EINVAL', [0, 'EINVAL', 'EINVAL'], (device) =>
  bind(device, 3, 0, [-2]),
);

row('REQ: a descriptor below -1 leaves the bound eventfd', [1n, 1n, 1n], (device) => {
  const eventfd = device.createEventfd();
  bind(device, 4, 0, [eventfd]);
  outcome(() => bind(device, 4, 0, [-2]));
  trigger(device, 4, 0, 1);
  return eventfd.read();
});

row(
  'MAP_DMA of a range that wraps is EINVAL or EOVERFLOW',
  ['EINVAL', 'EINVAL', 'EOVERFLOW'],
  ({ addressSpace }) => {
    const memory = addressSpace.allocate(8192, false);
    addressSpace.mapSync(memory, 0, 8192n, 2n ** 64n - 4096n, 3);
  },
);

row(
  'UNMAP_DMA of a range that wraps is EINVAL or EOVERFLOW',
  ['EINVAL', 'EINVAL', 'EOVERFLOW'],
  ({ addressSpace }) => addressSpace.unmap(2n ** 64n - 4096n, 8192n, 0),
);

row('an ioeventfd of 8 bytes writes, or EINVAL', [undefined, undefined, 'EINVAL'], (device) => {
  const eventfd = device.createEventfd();
  device.ioeventfd({ region: 0, offset: 0x28, width: 8, value: 0x1122_3344_5566_7000n, eventfd });
  eventfd.signal();
  return device.load(0, 0x2c, 4) === 0x1122_3344 ? undefined : 'not written';
});

row(
  'a write of 8 bytes through the device file is one access from 6.12 on',
  [0, 0x1234_5678, 0x1234_5678],
  (device) => {
    // The DMA registers of edu accept accesses of 4 and of 8 bytes.
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, 0x9abc_def0_1234_5678n, true);
    device.write(0, 0x80, bytes);
    const whole = device.map(0, 0, 0x1000).read64(0x80);
    return whole === 0x9abc_def0_1234_5678n ? Number(whole & 0xffff_ffffn) : 0;
  },
  'edu',
);

test('Linux 6.1 has no VFIO character devices', (t) => {
  const error = t.throws(() => open(t, 'mock:nvme?kernel=6.1&via=cdev'), { instanceOf: VfioError });
  t.like(error, { code: 'ENOENT', syscall: 'open', path: '/dev/iommu' });
  t.is(open(t, 'mock:nvme?kernel=6.12&via=cdev').via, 'cdev');
});

test('GET_PCI_HOT_RESET_INFO reports group ids, or device ids of the iommufd', (t) => {
  const info = (via: string) => open(t, `mock:nvme?via=${via}`).getHotResetInfo();
  t.like(info('group'), { flags: 0 });
  t.deepEqual(info('cdev'), { flags: 3, devices: [{ name: 'mock:nvme?via=cdev', id: 2 }] });
});

test('the setting `kernel` in a name selects the kernel of the mock device', (t) => {
  const model = plainModel([]);
  t.is(connect(t, model, undefined, { kernel: '6.1' }).getIrqInfo(4).count, 1);
});
