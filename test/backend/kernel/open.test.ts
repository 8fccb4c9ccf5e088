import test from 'ava';
import type { DeviceConnection, OpenOptions } from '../../../lib/contract/index.js';
import type { KernelBackend } from '../../../lib/backend/kernel/index.js';
import { failure, make } from './backend.js';
import type { FakeNative } from './fake-native.js';
import { CDEV_NODES, goodHost, GROUP_NODES, Tree } from '../../sysfs/tree.js';

const FIRST = '0000:01:00.0';
const TOKEN = '00112233-4455-6677-8899-aabbccddeeff';

const WAYS = [
  { title: 'group', nodes: GROUP_NODES, options: {} },
  { title: 'cdev', nodes: CDEV_NODES, options: {} },
  {
    title: 'passed group',
    nodes: GROUP_NODES,
    options: { fds: { via: 'group', container: 3, group: 4 } },
  },
  {
    title: 'passed cdev',
    nodes: CDEV_NODES,
    options: { fds: { via: 'cdev', iommufd: 3, device: 4 } },
  },
] as const satisfies { title: string; nodes: readonly string[]; options: OpenOptions }[];

/** The synchronous open and the asynchronous open, which must make the same kernel calls. */
const FORMS = {
  sync: async (backend: KernelBackend, name: string, options: OpenOptions) => {
    await Promise.resolve();
    return backend.openSync(name, options);
  },
  async: (backend: KernelBackend, name: string, options: OpenOptions) =>
    backend.open(name, options),
};

function assertAllReleased(t: { deepEqual: (a: unknown, b: unknown) => void }, fake: FakeNative) {
  t.deepEqual([...fake.fds], []);
  t.deepEqual([...fake.objects], []);
}

test('open by group uses a container, and close releases the device, the group and the container', (t) => {
  const tree = goodHost(t);
  const { fake, backend } = make(tree);
  const device = backend.openSync('01:00.0', {});
  t.is(device.via, 'group');
  t.is(device.name, FIRST);
  t.deepEqual(fake.calls.splice(0), [
    `open ${tree.root}/dev/vfio/vfio true`,
    'containerGetApiVersion 100',
    'containerCheckExtension 100 3',
    `open ${tree.root}/dev/vfio/12 true`,
    'groupGetStatus 101',
    'groupSetContainer 101 100',
    'containerSetIommu 100 3',
    `groupGetDeviceFd 101 ${FIRST}`,
  ]);
  device.close();
  t.deepEqual(fake.calls, ['close 102', 'groupUnsetContainer 101', 'close 101', 'close 100']);
  assertAllReleased(t, fake);
});

test('open by cdev binds and attaches the device, and close undoes these steps in reverse order', (t) => {
  const tree = goodHost(t, [...GROUP_NODES, ...CDEV_NODES]);
  const { fake, backend } = make(tree);
  const device = backend.openSync(FIRST, {});
  t.is(device.via, 'cdev');
  t.deepEqual(fake.calls.splice(0), [
    `open ${tree.root}/dev/iommu true`,
    'iommufdIoasAlloc 100',
    `open ${tree.root}/dev/vfio/devices/vfio0 true`,
    'deviceBindIommufd 102 100 null',
    'deviceAttachPt 102 101 null',
  ]);
  device.close();
  t.deepEqual(fake.calls, [
    'deviceDetachPt 102 null',
    'close 102',
    'iommufdDestroy 100 101',
    'close 100',
  ]);
  assertAllReleased(t, fake);
});

test('the asynchronous open makes the same kernel calls as the synchronous open', async (t) => {
  for (const nodes of [GROUP_NODES, CDEV_NODES]) {
    const [one, other] = [make(goodHost(t, nodes)), make(goodHost(t, nodes))];
    one.backend.openSync(FIRST, {});
    await other.backend.open(FIRST, {});
    t.deepEqual(
      other.fake.drainCalls().map((name) => name.replace('Async', '')),
      one.fake.drainCalls(),
    );
  }
});

for (const { title, nodes, options } of WAYS) {
  for (const [form, open] of Object.entries(FORMS)) {
    test(`${title}, ${form}: if a call of open fails, all earlier calls are undone`, async (t) => {
      let steps = 0;
      for (let failAt = 0; ; failAt++) {
        const { fake, backend } = make(goodHost(t, nodes));
        fake.failAt = failAt;
        let device: DeviceConnection;
        try {
          device = await open(backend, FIRST, options);
        } catch (error) {
          t.like(error, { name: 'VfioError', code: 'EIO' });
          t.truthy((error as { path?: string }).path);
          assertAllReleased(t, fake);
          // The next open must make all system calls again.
          fake.failAt = -1;
          (await open(backend, FIRST, options)).close();
          assertAllReleased(t, fake);
          steps++;
          continue;
        }
        device.close();
        assertAllReleased(t, fake);
        break;
      }
      t.true(steps >= 5, `${steps} steps failed`);
    });
  }
}

test('devices of a group share a container, which is released with the last device', async (t) => {
  const { fake, backend } = make(goodHost(t));
  const [one, other] = await Promise.all([
    backend.open('03:00.0', {}),
    backend.open('03:00.1', {}),
  ]);
  const opened = fake.drainCalls();
  t.is(opened.filter((name) => name === 'open').length, 2);
  t.is(opened.filter((name) => name === 'groupGetDeviceFdAsync').length, 2);
  t.is(one.addressSpace, other.addressSpace);
  one.close();
  t.deepEqual(fake.drainCalls(), ['close']);
  t.deepEqual(other.getInfo(), { flags: 3, numRegions: 9, numIrqs: 5 });
  other.close();
  assertAllReleased(t, fake);
});

test('if opened by cdev, devices of a group share an IOAS, and all groups share one iommufd', (t) => {
  const { fake, backend } = make(goodHost(t, CDEV_NODES));
  const devices = ['03:00.0', '03:00.1', '01:00.0'].map((name) => backend.openSync(name, {}));
  const opened = fake.drainCalls();
  t.is(opened.filter((name) => name === 'iommufdIoasAlloc').length, 2);
  t.is([...fake.fds.values()].filter((what) => what.endsWith('/iommu')).length, 1);
  t.is(devices[0]?.addressSpace, devices[1]?.addressSpace);
  t.not(devices[0]?.addressSpace, devices[2]?.addressSpace);
  for (const device of devices) device.close();
  assertAllReleased(t, fake);
});

test('after close, a device can be opened again, and the second open calls SET_IOMMU again', (t) => {
  const { fake, backend } = make(goodHost(t));
  for (let round = 0; round < 3; round++) {
    const device = backend.openSync(FIRST, {});
    t.true(fake.drainCalls().includes('containerSetIommu'));
    device.close();
    assertAllReleased(t, fake);
  }
});

test('open duplicates the caller’s fds, and close leaves the caller’s group in its container', (t) => {
  const { fake, backend } = make(goodHost(t));
  fake.answers.groupGetStatus = () => 3;
  const device = backend.openSync(FIRST, { fds: { via: 'group', container: 3, group: 4 } });
  t.deepEqual(fake.calls.splice(0), [
    'duplicate 3',
    'containerGetApiVersion 100',
    'containerCheckExtension 100 3',
    'duplicate 4',
    'groupGetStatus 101',
    'containerGetInfo 100',
    `groupGetDeviceFd 101 ${FIRST}`,
  ]);
  device.close();
  t.deepEqual(fake.calls, ['close 102', 'close 101', 'close 100']);
});

test('if the caller’s container has no IOMMU type, open calls SET_IOMMU', (t) => {
  const { fake, backend } = make(goodHost(t));
  fake.answers.groupGetStatus = () => 3;
  fake.fail('containerGetInfo', 'EINVAL');
  backend.openSync(FIRST, { fds: { via: 'group', container: 3, group: 4 } });
  t.true(fake.calls.includes('containerSetIommu 100 3'));
  t.false(fake.calls.some((call) => call.startsWith('groupSetContainer')));
});

test('open binds the caller’s device descriptor to the caller’s iommufd', (t) => {
  const { fake, backend } = make(goodHost(t));
  const device = backend.openSync(FIRST, { fds: { via: 'cdev', iommufd: 3, device: 4 } });
  t.is(device.via, 'cdev');
  t.deepEqual(fake.drainCalls().slice(0, 3), ['duplicate', 'iommufdIoasAlloc', 'duplicate']);
  device.close();
  assertAllReleased(t, fake);
});

test('open sends the VF token after the device name (by group) or as 16 bytes (by cdev)', (t) => {
  const group = make(goodHost(t));
  group.backend.openSync(FIRST, { vfToken: TOKEN });
  t.is(group.fake.calls.at(-1), `groupGetDeviceFd 101 ${FIRST} vf_token=${TOKEN}`);
  const cdev = make(goodHost(t, CDEV_NODES));
  cdev.backend.openSync(FIRST, { vfToken: TOKEN });
  const bytes = Uint8Array.from(Buffer.from(TOKEN.replaceAll('-', ''), 'hex'));
  t.true(cdev.fake.calls.includes(`deviceBindIommufd 102 100 ${String(bytes)}`));
});

test('the option `via` selects the kernel interface', (t) => {
  const { backend } = make(goodHost(t, [...GROUP_NODES, ...CDEV_NODES]));
  t.is(backend.openSync(FIRST, { via: 'group' }).via, 'group');
});

test('wrong arguments are refused before the addon is loaded', async (t) => {
  const { sysfs } = goodHost(t);
  const { KernelBackend } = await import('../../../lib/backend/kernel/index.js');
  const backend = new KernelBackend(sysfs, () => {
    throw new Error('loaded');
  });
  t.true(backend.owns(FIRST));
  t.false(backend.owns('mock:nvme'));
  t.is(backend.list().length, 4);
  t.throws(() => backend.openSync('mock:nvme', {}), { instanceOf: TypeError });
  t.throws(() => backend.openSync(FIRST, { vfToken: 'x' }), { instanceOf: TypeError });
  await t.throwsAsync(backend.open(FIRST, { via: 'x' as 'cdev' }), { instanceOf: TypeError });
  t.throws(() => backend.openSync('09:00.0', {}), { message: 'loaded' });
});

test.serial(
  'no-IOMMU mode requires the option `noiommu`, warns once for each device, and cannot map memory',
  async (t) => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on('warning', listen);
    t.teardown(() => process.off('warning', listen));
    const tree = new Tree(t, {
      devices: [{ name: FIRST, driver: 'vfio-pci', group: 0, vfioDevice: 'vfio0' }],
      noiommu: [0],
      nodes: ['vfio/vfio', 'vfio/noiommu-0'],
    });
    const { fake, backend } = make(tree);
    t.like(
      failure(t, () => backend.openSync(FIRST, {})),
      { code: 'ENODEV' },
    );
    t.deepEqual(fake.calls, []);

    const device = backend.openSync(FIRST, { noiommu: true });
    t.is(device.via, 'noiommu');
    t.true(fake.calls.includes(`open ${tree.root}/dev/vfio/noiommu-0 true`));
    t.true(fake.calls.includes('containerSetIommu 100 8'));
    const space = device.addressSpace;
    const memory = space.allocate(4096, false);
    t.deepEqual(space.ranges(), []);
    const refused = failure(t, () => {
      space.mapSync(memory, 0, 4096n, 0n, 3);
    });
    t.is(refused.code, 'ENOTSUP');
    t.regex(refused.message, /^ENOTSUP: DMA mappings need an IOMMU, VFIO_IOMMU_MAP_DMA/);
    t.regex(refused.hint ?? '', /physical addresses/);
    await t.throwsAsync(space.map(memory, 0, 4096n, 0n, 3), { code: 'ENOTSUP' });
    device.close();
    backend.openSync(FIRST, { noiommu: true }).close();

    await new Promise((resolve) => setImmediate(resolve));
    t.is(warnings.length, 1);
    t.like(warnings[0], { name: 'VfioWarning', code: 'VFIO_NOIOMMU' });
    t.regex(warnings[0]?.message ?? '', /0000:01:00\.0.*overwrite all memory/);
  },
);
