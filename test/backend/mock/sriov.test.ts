// Tests the virtual functions of the mock. test/lab/once/vfs.test.ts tests the same rules on a real
// kernel.
import test from 'ava';
import { VfioError } from '../../../lib/errors.js';
import { mockControl, openDeviceSync, type OpenOptions, registerModel } from '../../../lib/mock.js';

const TOKEN = '8f1d2c3b-4a59-4687-9786-a5b4c3d2e1f0';
const OTHER = '00000000-0000-4000-8000-000000000001';

/** Returns the name of a card that no other test uses. */
const card = (label: string, settings = '') => `mock:nvme#${label}?vfs=2${settings}`;

const codeOf = (name: string, options: OpenOptions = {}) => {
  try {
    openDeviceSync(name, options).close();
    return null;
  } catch (error) {
    if (error instanceof VfioError) return error.code;
    throw error;
  }
};

test('device.sriov lists the virtual functions, which have the ids of the physical function', (t) => {
  using physical = openDeviceSync(card('ids'), { vfToken: TOKEN });
  t.like(physical.sriov, { enabled: true, initialVfs: 2, totalVfs: 2, numVfs: 2, vfStride: 1 });
  t.is(physical.sriov?.vfDeviceId, physical.config.header().deviceId);
  t.is(physical.sriov?.systemPageSize, 4096);
  const names = physical.sriov?.virtualFunctions ?? [];
  t.deepEqual(names, [`${card('ids')}&vf=0`, `${card('ids')}&vf=1`]);
  const open = names.map((name) => openDeviceSync(name, { vfToken: TOKEN }));
  for (const virtual of open) {
    t.is(virtual.sriov, null);
    t.like(virtual.config.header(), { vendorId: 0x1b36, deviceId: 0x10, interruptPin: 0 });
    t.is(virtual.interrupts.intx.count, 0);
    virtual.config.update('command', { memory: 0 });
    t.is(virtual.bar(0).map().read32(8), 0x10400, 'memory decode is always enabled');
  }
  open.forEach((virtual) => {
    virtual.close();
  });
});

for (const via of ['group', 'cdev'] as const) {
  test(`a physical function and its virtual functions have one VF token, by ${via}`, (t) => {
    const name = card(`token-${via}`);
    const virtual = `${name}&vf=0`;
    const physical = openDeviceSync(name, { via, vfToken: TOKEN });
    t.is(codeOf(virtual, { via }), 'EACCES');
    t.is(codeOf(virtual, { via, vfToken: OTHER }), 'EACCES');
    t.is(codeOf(virtual, { via, vfToken: TOKEN }), null);
    physical.features.setVfToken(OTHER);
    t.is(codeOf(virtual, { via, vfToken: TOKEN }), 'EACCES');
    using open = openDeviceSync(virtual, { via, vfToken: OTHER });
    physical.close();
    t.is(
      codeOf(`${name}&vf=1`, { via }),
      'EACCES',
      'the token is kept after the physical function is closed',
    );
    t.is(codeOf(name, { via }), 'EACCES', 'while a virtual function is open');
    t.is(codeOf(name, { via, vfToken: TOKEN }), 'EACCES');
    t.is(codeOf(name, { via, vfToken: OTHER }), null);
    t.is(open.sriov, null);
  });
}

test('if the physical function is opened without a token, the token is random', (t) => {
  const name = card('random');
  using physical = openDeviceSync(name);
  t.is(codeOf(`${name}&vf=0`), 'EACCES');
  t.is(codeOf(`${name}&vf=0`, { vfToken: TOKEN }), 'EACCES');
  physical.features.setVfToken(TOKEN);
  t.is(codeOf(`${name}&vf=0`, { vfToken: TOKEN }), null);
});

test('virtual functions accept no token until the physical function is opened', (t) => {
  const name = card('host');
  const error = t.throws(() => openDeviceSync(`${name}&vf=0`, { vfToken: TOKEN }), {
    instanceOf: VfioError,
    code: 'EINVAL',
  });
  t.is(error.path, `${name}&vf=0`);
  const virtual = openDeviceSync(`${name}&vf=0`);
  t.is(codeOf(name, { vfToken: TOKEN }), 'EBUSY');
  virtual.close();
  t.is(codeOf(name, { vfToken: TOKEN }), null);
  t.is(codeOf(`${name}&vf=0`), null, 'after the last close, the mock forgets the token');
});

test('by character device, Linux 6.12 accepts no token and requires none', (t) => {
  const name = card('old', '&kernel=6.12&via=cdev');
  t.is(codeOf(name, { vfToken: TOKEN }), 'EINVAL');
  using physical = openDeviceSync(name);
  t.is(codeOf(`${name}&vf=0`, { vfToken: TOKEN }), 'EINVAL');
  t.truthy(physical.sriov);
  physical.close();
  using virtual = openDeviceSync(`${name}&vf=0`);
  t.is(virtual.sriov, null);
  t.is(codeOf(name), null);
});

test('setVirtualFunctions() creates and removes virtual functions', (t) => {
  const name = card('count');
  const control = mockControl(name);
  control.setVirtualFunctions(0);
  using physical = openDeviceSync(name, { vfToken: TOKEN });
  t.like(physical.sriov, { enabled: false, numVfs: 0, totalVfs: 2 });
  t.deepEqual(physical.sriov?.virtualFunctions, []);
  t.is(codeOf(`${name}&vf=0`, { vfToken: TOKEN }), 'ENODEV');
  control.setVirtualFunctions(1);
  t.like(physical.sriov, { enabled: true, numVfs: 1 });
  t.is(codeOf(`${name}&vf=1`, { vfToken: TOKEN }), 'ENODEV');
  const virtual = openDeviceSync(`${name}&vf=0`, { vfToken: TOKEN });
  t.throws(
    () => {
      control.setVirtualFunctions(2);
    },
    { instanceOf: VfioError, code: 'EBUSY' },
  );
  virtual.close();
  t.throws(
    () => {
      control.setVirtualFunctions(3);
    },
    { instanceOf: RangeError },
  );
  const wrong = [`${name}&vf=0`, 'mock:nvme'];
  for (const other of wrong) {
    t.throws(
      () => {
        mockControl(other).setVirtualFunctions(1);
      },
      { instanceOf: TypeError },
    );
  }
  t.notThrows(() => mockControl(`${name}&vf=0`).nvme);
});

test('a program drives a virtual function with its own registers, memory and interrupts', async (t) => {
  const name = card('drive');
  using physical = openDeviceSync(name, { vfToken: TOKEN });
  const [first = '', second = ''] = physical.sriov?.virtualFunctions ?? [];
  using one = openDeviceSync(first, { vfToken: TOKEN });
  using two = openDeviceSync(second, { vfToken: TOKEN });
  one.config.update('command', { bus_master: 1 });
  const vector = one.interrupts.msix.request(0);
  mockControl(first).interrupt(0);
  await vector.next();
  using memory = await one.dma.allocate(4096, { iova: 0x10000n });
  using same = await two.dma.allocate(4096, { iova: 0x10000n });
  t.is(memory.iova, same.iova);
  const write = (device: typeof one, value: number) => {
    device.bar(0).map().write32(0x24, value);
  };
  write(one, 0x1001f);
  write(two, 0x2001f);
  t.is(one.bar(0).map().read32(0x24), 0x1001f);
});

test('the SR-IOV capability follows the extended capabilities of the model', (t) => {
  const shape = {
    vendorId: 0x1234,
    deviceId: 1,
    classCode: 0xff0000,
    bars: [],
    capabilities: [
      { name: 'pcie', offset: 0x40 },
      { name: 'aer', offset: 0x100 },
    ],
  } as const;
  const create = () => ({ registers: {}, reset: () => undefined });
  registerModel({ name: 'sriov-aer', shape, create });
  using device = openDeviceSync('mock:sriov-aer?vfs=255');
  const offsets = device.config.capabilities().map(({ name, offset }) => [name, offset]);
  t.deepEqual(offsets, [
    ['pcie', 0x40],
    ['aer', 0x100],
    ['sriov', 0x148],
  ]);
  t.is(device.sriov?.virtualFunctions.length, 255);
  const capabilities = [...shape.capabilities, { name: 'sriov', offset: 0x200 }] as const;
  registerModel({ name: 'sriov-own', shape: { ...shape, capabilities }, create });
  t.is(codeOf('mock:sriov-own?vfs=1'), 'EINVAL');
  t.is(codeOf('mock:sriov-own', { vfToken: TOKEN }), null);
});
