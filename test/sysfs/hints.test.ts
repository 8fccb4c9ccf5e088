import test from 'ava';
import * as hints from '../../lib/sysfs/hints.js';
import type { ExecutionContext } from 'ava';
import type { OpenOptions } from '../../lib/contract/index.js';
import type { Native } from '../../lib/native/binding.js';
import { failure, make } from '../backend/kernel/backend.js';
import { CDEV_NODES, goodHost, GROUP_NODES, Tree, type TreeSpec } from './tree.js';

const NAME = '0000:01:00.0';
const TOKEN = '00112233-4455-6677-8899-aabbccddeeff';

type Code = NonNullable<Parameters<ReturnType<typeof make>['fake']['fail']>[1]>;

interface Refusal {
  /** The files of the host. By default, VFIO is set up on the host. */
  readonly host?: TreeSpec;
  readonly nodes?: readonly string[];
  readonly options?: OpenOptions;
  readonly fail?: readonly [name: keyof Native, code: Code];
  readonly code: string;
  readonly path: RegExp;
  readonly hint: readonly RegExp[];
}

function refuses(title: string, refusal: Refusal): void {
  test(`the error has the right hint: ${title}`, (t: ExecutionContext) => {
    const { host, nodes, options, fail, code, path, hint } = refusal;
    const { backend, fake } = make(
      host === undefined ? goodHost(t, nodes) : new Tree(t, { nodes: nodes ?? [], ...host }),
    );
    if (fail !== undefined) fake.fail(...fail);
    const error = failure(t, () => backend.openSync(NAME, options ?? {}));
    t.is(error.code, code);
    t.regex(error.path ?? '', path);
    for (const text of hint) t.regex(error.hint ?? '', text);
  });
}

const BOUND = { name: NAME, driver: 'vfio-pci', group: 12, vfioDevice: 'vfio0' };

refuses('the function does not exist', {
  host: {},
  code: 'ENODEV',
  path: /devices\/0000:01:00\.0$/,
  hint: [/lspci -D/],
});
refuses('the function has no IOMMU group', {
  host: { devices: [{ name: NAME, driver: 'nvme' }] },
  code: 'ENODEV',
  path: /0000:01:00\.0$/,
  hint: [
    process.arch === 'arm64' ? /-machine virt,gic-version=3,iommu=smmuv3/ : /intel_iommu=on/,
    process.arch === 'arm64' ? /SMMU/ : /VT-d/,
    /option noiommu: true of openDevice/,
  ],
});
refuses('the function has no IOMMU group, and the option noiommu is set', {
  host: { devices: [{ name: NAME, driver: 'nvme' }] },
  options: { noiommu: true },
  code: 'ENODEV',
  path: /0000:01:00\.0$/,
  // The hint must not contain `vfio bind`, because `vfio bind` needs a group.
  hint: [/enable_unsafe_noiommu_mode/, /^(?!.*vfio bind).*echo vfio-pci > .*drivers_probe'/],
});
refuses('the function has no IOMMU group, although another function has one', {
  host: { devices: [{ name: NAME }, { name: '0000:02:00.0', group: 3 }] },
  code: 'ENODEV',
  path: /0000:01:00\.0$/,
  hint: [/although other functions have one/, /^(?!.*firmware)/],
});
refuses('the function has no IOMMU group, and another function has a group without an IOMMU', {
  host: { devices: [{ name: NAME }, { name: '0000:02:00.0', group: 3 }], noiommu: [3] },
  code: 'ENODEV',
  path: /0000:01:00\.0$/,
  hint: [/settings/],
});
test('without CONFIG_VFIO_NOIOMMU, no hint advises the mode without an IOMMU', (t) => {
  const tree = new Tree(t, { nodes: [], devices: [{ name: NAME }] });
  tree.file('sys/module/vfio/refcnt', '0\n');
  const { backend } = make(tree);
  const hint = (options: OpenOptions) => failure(t, () => backend.openSync(NAME, options)).hint;
  t.regex(hint({}) ?? '', /^0000:01:00\.0 has no IOMMU group\.(?!.*noiommu)/);
  t.regex(hint({ noiommu: true }) ?? '', /built without CONFIG_VFIO_NOIOMMU/);
});
refuses('the function is bound to another driver', {
  host: { devices: [{ name: NAME, driver: 'nvme', group: 12 }] },
  code: 'ENODEV',
  path: /0000:01:00\.0$/,
  hint: [
    /^Bind the device as root: 'vfio bind 0000:01:00\.0'/,
    /echo 0000:01:00\.0 > \/sys\/bus\/pci\/devices\/0000:01:00\.0\/driver\/unbind/,
    /drivers_probe/,
  ],
});
refuses('the function has no driver, and vfio-pci is not loaded', {
  host: { devices: [{ name: NAME, group: 12 }], drivers: [] },
  code: 'ENODEV',
  path: /0000:01:00\.0$/,
  hint: [/^Load the driver: 'modprobe vfio-pci'\. Bind the device/, /driver_override; echo/],
});
refuses('the group is not viable', {
  host: {
    devices: [
      BOUND,
      { name: '0000:00:01.0', driver: 'pcieport', group: 12 },
      { name: '0000:01:00.1', driver: 'snd_hda_intel', group: 12 },
      { name: '0000:01:00.2', group: 12 },
      { name: '0000:01:00.3', driver: 'mlx5_vfio_pci', group: 12 },
      { name: '0000:01:00.4', driver: 'xhci_hcd', group: 12 },
    ],
  },
  nodes: GROUP_NODES,
  fail: ['groupSetContainer', 'EBUSY'],
  code: 'EBUSY',
  path: /\/dev\/vfio\/12$/,
  hint: [
    /^Host drivers use 0000:01:00\.1 \(snd_hda_intel\), 0000:01:00\.4 \(xhci_hcd\)\. /,
    /IOMMU group 12/,
    /vfio bind 0000:01:00\.4/,
  ],
});
refuses('the group is not viable, and the device is opened by cdev', {
  host: { devices: [BOUND, { name: '0000:01:00.1', driver: 'xhci_hcd', group: 12 }] },
  nodes: CDEV_NODES,
  fail: ['deviceBindIommufd', 'EPERM'],
  code: 'EPERM',
  path: /^0000:01:00\.0$/,
  hint: [/^Host drivers use 0000:01:00\.1 \(xhci_hcd\)/],
});
refuses('another process has a device of the group open', {
  host: { devices: [BOUND, { name: '0000:01:00.1', driver: 'vfio-pci', group: 12 }] },
  nodes: CDEV_NODES,
  fail: ['deviceBindIommufd', 'EPERM'],
  code: 'EPERM',
  path: /^0000:01:00\.0$/,
  hint: [/another process has opened a device of IOMMU group 12/],
});
refuses('another process has the container open', {
  fail: ['open', 'EBUSY'],
  code: 'EBUSY',
  path: /vfio\/vfio$/,
  hint: [],
});
refuses('another process has the group open, and the device is opened by cdev', {
  nodes: CDEV_NODES,
  fail: ['deviceBindIommufd', 'EBUSY'],
  code: 'EBUSY',
  path: /^0000:01:00\.0$/,
  hint: [/fuser -v .*\/dev\/vfio\/12/],
});
refuses('the user may not open the container', {
  fail: ['open', 'EACCES'],
  code: 'EACCES',
  path: /vfio\/vfio$/,
  hint: [process.getuid?.() === 0 ? /device list/ : /chown/, /\/dev\/vfio\/vfio/],
});
refuses('the user may not open the iommufd', {
  nodes: CDEV_NODES,
  fail: ['open', 'EACCES'],
  code: 'EACCES',
  path: /\/dev\/iommu$/,
  hint: [process.getuid?.() === 0 ? /device list/ : /KERNEL=="iommu", GROUP/],
});
refuses('no container', {
  fail: ['open', 'ENOENT'],
  code: 'ENOENT',
  path: /vfio\/vfio$/,
  hint: [/modprobe vfio_iommu_type1/],
});
refuses('no iommufd', {
  options: { via: 'cdev' },
  fail: ['open', 'ENOENT'],
  code: 'ENOENT',
  path: /\/dev\/iommu$/,
  hint: [/CONFIG_IOMMUFD/, /\/dev\/iommu/, /VFIO_VIA/],
});
refuses('sysfs contains no character device', {
  host: { devices: [{ name: NAME, driver: 'vfio-pci', group: 12 }] },
  options: { via: 'cdev' },
  code: 'ENOENT',
  path: /\/dev\/vfio\/devices$/,
  hint: [/CONFIG_VFIO_DEVICE_CDEV/],
});
refuses('unsafe interrupts', {
  fail: ['containerSetIommu', 'EPERM'],
  code: 'EPERM',
  path: /vfio\/vfio$/,
  hint: [/interrupt remapping/, /vfio_iommu_type1\/parameters\/allow_unsafe_interrupts/],
});
refuses('unsafe interrupts, by cdev', {
  nodes: CDEV_NODES,
  fail: ['deviceBindIommufd', 'EPERM'],
  code: 'EPERM',
  path: /^0000:01:00\.0$/,
  hint: [/iommufd\/parameters\/allow_unsafe_interrupts/],
});
refuses('no IOMMU driver', {
  fail: ['containerSetIommu', 'ENODEV'],
  code: 'ENODEV',
  path: /vfio\/vfio$/,
  hint: [/modprobe vfio_iommu_type1/],
});
for (const [nodes, call] of [
  [GROUP_NODES, 'groupGetDeviceFd'],
  [CDEV_NODES, 'deviceBindIommufd'],
] as const) {
  refuses(`the VF token is missing in ${call}`, {
    nodes,
    fail: [call, 'EACCES'],
    code: 'EACCES',
    path: /^0000:01:00\.0$/,
    hint: [/needs a VF token: pass the UUID/],
  });
  refuses(`the VF token is wrong in ${call}`, {
    nodes,
    options: { vfToken: TOKEN },
    fail: [call, 'EACCES'],
    code: 'EACCES',
    path: /^0000:01:00\.0$/,
    hint: [/differs from the token of 0000:01:00\.0/],
  });
  refuses(`the device accepts no VF token in ${call}`, {
    nodes,
    options: { vfToken: TOKEN },
    fail: [call, 'EINVAL'],
    code: 'EINVAL',
    path: /^0000:01:00\.0$/,
    hint: [/does not accept a VF token: omit vfToken/],
  });
}
refuses('the character device is already bound', {
  nodes: CDEV_NODES,
  fail: ['deviceBindIommufd', 'EINVAL'],
  code: 'EINVAL',
  path: /^0000:01:00\.0$/,
  hint: [/already open through another file descriptor/],
});

test('if another process has opened the group, the hint names the command that finds the process', (t) => {
  const tree = goodHost(t);
  const { backend, fake } = make(tree);
  fake.fds.set(5, `${tree.root}/dev/vfio/12`);
  const error = failure(t, () => backend.openSync(NAME, {}));
  t.is(error.code, 'EBUSY');
  t.regex(error.hint ?? '', /one opener at a time.*'fuser -v .*\/dev\/vfio\/12'/);
  t.deepEqual([...fake.fds.keys()], [5]);
});

test('if the device node of the group is missing, the hint names the option of a container tool', (t) => {
  const { backend, fake } = make(goodHost(t));
  const { open } = fake.answers;
  fake.answers.open = (path, writable) => {
    if (path.endsWith('/12')) fake.fail('duplicate', 'ENOENT');
    return path.endsWith('/12') ? fake.native.duplicate(0) : (open?.(path, writable) ?? -1);
  };
  const error = failure(t, () => backend.openSync(NAME, {}));
  t.regex(error.hint ?? '', /--device .*\/dev\/vfio\/12/);
});

test('open refuses a group that is not viable before the group is added to the container', (t) => {
  const { backend, fake } = make(goodHost(t));
  fake.answers.groupGetStatus = () => 0;
  const error = failure(t, () => backend.openSync(NAME, {}));
  t.is(error.code, 'EBUSY');
  t.is(error.syscall, 'VFIO_GROUP_GET_STATUS');
  t.regex(error.message, /IOMMU group 12 is not viable/);
  t.regex(error.hint ?? '', /iommu_groups\/12\/devices/);
  t.false(fake.calls.some((call) => call.startsWith('groupSetContainer')));
});

test('open refuses a container with a wrong API version or without support of type1', (t) => {
  const version = make(goodHost(t));
  version.fake.answers.containerGetApiVersion = () => 1;
  t.regex(failure(t, () => version.backend.openSync(NAME, {})).message, /API version 1/);
  const type = make(goodHost(t));
  type.fake.answers.containerCheckExtension = () => 0;
  const error = failure(t, () => type.backend.openSync(NAME, {}));
  t.is(error.code, 'ENODEV');
  t.regex(error.hint ?? '', /vfio_iommu_type1/);
});

test('on arm64, the hints name the SMMU and the ITS', (t) => {
  const { arch } = process;
  Object.defineProperty(process, 'arch', { value: 'arm64' });
  t.teardown(() => {
    Object.defineProperty(process, 'arch', { value: arch });
  });
  const hint = hints.noIommu(new Tree(t, { nodes: [] }).sysfs, NAME);
  t.regex(hint, /Turn on the SMMU .*-machine virt,gic-version=3,iommu=smmuv3/);
  t.notRegex(hint, /VT-d|AMD/);
  t.regex(hints.unsafeInterrupts('iommufd'), /needs an ITS .*-machine virt,gic-version=3/);
  t.notRegex(hints.unsafeInterrupts('iommufd'), /intremap/);
});
