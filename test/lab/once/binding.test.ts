// Tests `vfio bind` and `vfio release` on a function whose kernel driver is virtio-pci.
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { openDeviceSync } from 'vfio';
import { vfioHere } from '../../cli/in-process.js';

const ADDRESS = process.env.VFIO_LAB_VIRTIO_RNG_PCI ?? '';
/** The function's address without the PCI domain. */
const SHORT = ADDRESS.replace('0000:', '');
const DEVICE = `/sys/bus/pci/devices/${ADDRESS}`;
const NOBODY = 65534;

const driver = () => basename(readlinkSync(`${DEVICE}/driver`));
const override = () => readFileSync(`${DEVICE}/driver_override`, 'utf8').trim();

interface Told {
  functions: { name: string; from: string | null; to: string | null }[];
  nodes?: string[];
}

async function told(...args: string[]): Promise<Told> {
  const { code, stdout, stderr } = await vfioHere([...args, '--json']);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Told;
}

test.serial(
  'if another tool bound a function to vfio-pci, vfio release lets the kernel choose the driver',
  async (t) => {
    t.is(driver(), 'vfio-pci');
    const { functions } = await told('release', SHORT);
    t.deepEqual(functions, [{ name: ADDRESS, from: 'vfio-pci', to: 'virtio-pci' }]);
    t.deepEqual([driver(), override()], ['virtio-pci', '(null)']);
  },
);

test.serial('after vfio bind --owner, the named user can open the device', async (t) => {
  const planned = await vfioHere(['bind', SHORT, '--owner', String(NOBODY), '--dry-run']);
  t.regex(
    planned.stdout,
    /^# .*: virtio-pci -> vfio-pci\necho vfio-pci > [^]*\nchown 65534 \/dev\/vfio\/\d+\n$/,
  );
  t.is(driver(), 'virtio-pci');

  const { functions, nodes = [] } = await told('bind', SHORT, '--owner', String(NOBODY));
  t.deepEqual(functions, [{ name: ADDRESS, from: 'virtio-pci', to: 'vfio-pci' }]);
  t.is(driver(), 'vfio-pci');
  t.true(nodes.length > 0);
  for (const node of nodes) t.is(statSync(node).uid, NOBODY, node);

  // The program loads the addon before it changes its user, because the new user might not be
  // allowed to read this folder.
  const program = `
    import { createEventfd, openDeviceSync } from 'vfio';
    createEventfd().close();
    process.setgid(${NOBODY});
    process.setuid(${NOBODY});
    const device = openDeviceSync('${ADDRESS}');
    console.log(process.getuid(), device.config.header().vendorId.toString(16));
    device.close();`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--input-type=module', '--eval', program],
  ]);
  t.is(stdout, `${NOBODY} 1af4\n`);
});

test.serial('vfio release refuses a device that a program has open', async (t) => {
  const device = openDeviceSync(ADDRESS);
  try {
    const { code, stderr } = await vfioHere(['release', SHORT]);
    t.is(code, 1);
    t.regex(stderr, new RegExp(`^vfio: EBUSY: in use: open in .*${process.pid}.*\\n.+\\n$`));
    t.is(driver(), 'vfio-pci');
  } finally {
    device.close();
  }
});

test.serial('vfio release binds the function to its former driver again', async (t) => {
  const { functions } = await told('release', SHORT);
  t.deepEqual(functions, [{ name: ADDRESS, from: 'vfio-pci', to: 'virtio-pci' }]);
  t.deepEqual([driver(), override()], ['virtio-pci', '(null)']);
});

test.serial(
  'opening a function with another driver fails, and the hint states how to bind the function',
  async (t) => {
    const { code, stderr } = await vfioHere(['info', SHORT]);
    t.is(code, 1);
    t.regex(stderr, new RegExp(`\\n.*vfio bind ${ADDRESS}`));
  },
);

test.serial(
  "vfio bind refuses the virtio device that shares the guest's files, because the device is in use",
  async (t) => {
    const shares = readdirSync('/sys/bus/virtio/devices').map((name) => {
      return join('/sys/bus/virtio/devices', name);
    });
    const share = shares.find((path) => existsSync(join(path, 'mount_tag'))) ?? '';
    const name = basename(dirname(realpathSync(share)));
    const use = `the share of ${basename(share)} is mounted on /host in init (1)`;
    const planned = await vfioHere(['bind', name, '--dry-run']);
    t.deepEqual([planned.code, planned.stdout.split('\n')[0]], [0, `# in use: ${use}`]);
    const { code, stderr } = await vfioHere(['bind', name]);
    t.is(code, 1);
    t.true(stderr.startsWith(`vfio: EBUSY: in use: ${use}`), stderr);
  },
);
