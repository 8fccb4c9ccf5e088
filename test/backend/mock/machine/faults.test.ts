import test, { type ExecutionContext } from 'ava';
import { VfioError } from '../../../../lib/errors.js';
import type { DeviceConnection } from '../../../../lib/contract/index.js';
import type { FaultKind } from '../../../../lib/backend/mock/machine/faults.js';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { edu } from '../../../../lib/backend/mock/models/edu.js';
import { nvme } from '../../../../lib/backend/mock/models/nvme/index.js';
import { MockBackend } from '../../../../lib/backend/mock/index.js';
import { ModelRegistry } from '../../../../lib/backend/mock/models/registry.js';
import { bind, closing, CONFIG, enableBusMaster, fails, trigger } from '../support.js';

const MSI = 1;
const MSIX = 2;
const PAGE = BigInt(PAGE_SIZE);

function make(t: ExecutionContext, name = 'mock:nvme') {
  const backend = new MockBackend(new ModelRegistry([edu, nvme]));
  const control = backend.control(name);
  const open = () => closing(t, backend.openSync(name, {}));
  return { control, open, device: open() };
}

const bytes = () => new Uint8Array(4);
const memory = (device: DeviceConnection) => device.addressSpace.allocate(PAGE_SIZE, false);

/**
 * For each kind of fault, a call that normally succeeds, and the system call that its error names.
 */
const calls: Readonly<
  Record<Exclude<FaultKind, 'open'>, readonly [string, (device: DeviceConnection) => unknown]>
> = {
  getInfo: ['VFIO_DEVICE_GET_INFO', (device) => device.getInfo()],
  getRegionInfo: ['VFIO_DEVICE_GET_REGION_INFO', (device) => device.getRegionInfo(0)],
  getIrqInfo: ['VFIO_DEVICE_GET_IRQ_INFO', (device) => device.getIrqInfo(0)],
  setIrqs: ['VFIO_DEVICE_SET_IRQS', (device) => bind(device, MSIX, 0, [null])],
  feature: ['VFIO_DEVICE_FEATURE', (device) => device.feature(0x20005, bytes())],
  read: ['read', (device) => device.read(CONFIG, 0, bytes())],
  write: ['write', (device) => device.write(0, 0x14, bytes())],
  mmap: ['mmap', (device) => device.map(0, 0, PAGE_SIZE)],
  reset: [
    'VFIO_DEVICE_RESET',
    (device) => {
      device.resetSync();
    },
  ],
  getHotResetInfo: ['VFIO_DEVICE_GET_PCI_HOT_RESET_INFO', (device) => device.getHotResetInfo()],
  hotReset: [
    'VFIO_DEVICE_PCI_HOT_RESET',
    (device) => {
      device.hotReset([]);
    },
  ],
  ioeventfd: [
    'VFIO_DEVICE_IOEVENTFD',
    (device) => {
      device.ioeventfd({
        region: 0,
        offset: 0x1000,
        width: 4,
        value: 1n,
        eventfd: device.createEventfd(),
      });
    },
  ],
  createAddressSpace: ['IOMMU_IOAS_ALLOC', (device) => device.createAddressSpace()],
  attachPasid: [
    'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
    (device) => {
      device.attachPasid(1);
    },
  ],
  detachPasid: [
    'VFIO_DEVICE_DETACH_IOMMUFD_PT',
    (device) => {
      device.detachPasid(1);
    },
  ],
  createEventfd: ['eventfd', (device) => device.createEventfd()],
  allocate: ['mmap', memory],
  map: [
    'IOMMU_IOAS_MAP',
    (device) => {
      device.addressSpace.mapSync(memory(device), 0, PAGE, 0n, 3);
    },
  ],
  unmap: [
    'IOMMU_IOAS_UNMAP',
    (device) => {
      device.addressSpace.mapSync(memory(device), 0, PAGE, 0n, 3);
      return device.addressSpace.unmap(0n, PAGE, 0);
    },
  ],
};

for (const [kind, [syscall, call]] of Object.entries(calls)) {
  test(`fail() makes one call of ${kind} fail`, (t) => {
    const { control, device } = make(t, 'mock:nvme?via=cdev');
    control.fail(kind as FaultKind, 'EPROTO');
    const error = t.throws(() => call(device), { instanceOf: VfioError, code: 'EPROTO' });
    t.is(error.syscall, syscall);
    t.is(error.path, 'mock:nvme?via=cdev');
    if (kind === 'unmap') device.addressSpace.unmap(0n, PAGE, 0);
    t.notThrows(() => call(device));
  });
}

test('the options `nth` and `times` select which calls of a kind fail', (t) => {
  const { control, device } = make(t);
  control.fail('getIrqInfo', 'EIO', { nth: 2, times: 2 });
  control.fail('getIrqInfo', 'EINTR', { nth: 5 });
  const codes = Array.from({ length: 6 }, () => {
    device.getInfo();
    try {
      device.getIrqInfo(0);
      return 'ok';
    } catch (error) {
      return (error as VfioError).code;
    }
  });
  t.deepEqual(codes, ['ok', 'EIO', 'EIO', 'ok', 'EINTR', 'ok']);
  control.fail('getIrqInfo', 'EIO', { times: Infinity });
  for (let i = 0; i < 5; i++) fails(t, 'EIO', () => device.getIrqInfo(0));
  control.clear();
  t.notThrows(() => device.getIrqInfo(0));
});

test('a call that fails because of fail() has no other effect', (t) => {
  const { control, device } = make(t);
  const eventfd = device.createEventfd();
  bind(device, MSIX, 0, [eventfd]);
  control.fail('setIrqs', 'ENOMEM');
  fails(t, 'ENOMEM', () => trigger(device, MSIX, 0, 0));
  trigger(device, MSIX, 0, 1);
  t.is(eventfd.read(), 1n);
  control.fail('write', 'EIO');
  fails(t, 'EIO', () => {
    device.store(0, 0x24, 4, 7);
  });
  t.is(device.load(0, 0x24, 4), 0);
});

test('fail() makes one open fail', async (t) => {
  const backend = new MockBackend(new ModelRegistry([nvme]));
  const control = backend.control('mock:nvme');
  control.fail('open', 'EBUSY');
  const error = await t.throwsAsync(backend.open('mock:nvme', {}), { instanceOf: VfioError });
  t.like(error, { code: 'EBUSY', path: 'mock:nvme', syscall: 'open' });
  closing(t, await backend.open('mock:nvme', {}));
});

test('fail() throws for an unknown kind, an unknown errno and a wrong count', (t) => {
  const { control } = make(t);
  const fail = (kind: string, code: string, options?: object) => () => {
    control.fail(kind as FaultKind, code, options);
  };
  t.throws(fail('mapp', 'EIO'), { instanceOf: TypeError, message: /getInfo, .*unmap/ });
  t.throws(fail('toString', 'EIO'), { instanceOf: TypeError });
  t.throws(fail('map', 'EWRONG'), { instanceOf: TypeError, message: /EWRONG/ });
  t.throws(fail('map', 'EIO', { nth: 0 }), { instanceOf: RangeError });
  t.throws(fail('map', 'EIO', { times: 1.5 }), { instanceOf: RangeError });
});

test('if too few messages are free, SET_IRQS only returns the number of free messages', (t) => {
  const { control, device } = make(t, 'mock:nvme?kernel=6.1');
  control.limit({ messages: 4 });
  const eventfds = Array.from({ length: 8 }, () => device.createEventfd());
  t.is(bind(device, MSIX, 0, eventfds), 4);
  t.is(device.load(CONFIG, 0x42, 2) & 0x8000, 0);
  t.is(bind(device, MSIX, 0, eventfds.slice(0, 4)), 0);
});

test('if no CPU vector is free, a bind fails with ENOSPC, and bound vectors stay bound', (t) => {
  const { control, device } = make(t);
  control.limit({ vectors: 2 });
  const [a, b, c] = [device.createEventfd(), device.createEventfd(), device.createEventfd()];
  bind(device, MSIX, 0, [a]);
  bind(device, MSIX, 5, [b]);
  fails(t, 'ENOSPC', () => bind(device, MSIX, 6, [c]));
  enableBusMaster(device);
  control.interrupt(5);
  t.is(b.read(), 1n);
  control.limit({ vectors: 3 });
  t.is(bind(device, MSIX, 6, [c]), 0);
});

test('map() fails with ENOMEM above the memlock limit, and with ENOSPC above `dmaEntries` mappings', (t) => {
  const { control, device } = make(t);
  const { addressSpace } = device;
  const map = (iova: bigint) => {
    addressSpace.mapSync(memory(device), 0, PAGE, iova, 3);
  };
  control.limit({ memlock: 2n * PAGE, dmaEntries: 3 });
  map(PAGE);
  map(2n * PAGE);
  fails(t, 'ENOMEM', () => {
    map(3n * PAGE);
  });
  control.limit({ memlock: 2n ** 40n });
  map(3n * PAGE);
  fails(t, 'ENOSPC', () => {
    map(4n * PAGE);
  });
  control.clear();
  map(4n * PAGE);
  t.throws(
    () => {
      control.limit({ vectors: -1 });
    },
    { instanceOf: RangeError },
  );
});

test('if no message is free, enabling MSI fails with ENOSPC', (t) => {
  const { control, device } = make(t, 'mock:edu');
  control.limit({ messages: 0 });
  fails(t, 'ENOSPC', () => bind(device, MSI, 0, [device.createEventfd()]));
});
