// Tests that `vfio bind` and `vfio release` refuse functions in use on a real kernel. Most tests
// need the modules nvme, dm-mod and e1000e, and the programs dmsetup and ip.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { vfioHere } from '../../cli/in-process.js';

const NVME = process.env.VFIO_LAB_NVME ?? '';
const NIC = process.env.VFIO_LAB_E1000E ?? '';
const EDU = process.env.VFIO_LAB_EDU ?? '';

const hasDriver = (driver: string) => existsSync(`/sys/bus/pci/drivers/${driver}`);
const hasProgram = (name: string) =>
  ['/sbin', '/usr/sbin'].some((at) => existsSync(join(at, name)));
const withDisk = hasDriver('nvme') ? test.serial : test.serial.skip;
const withMapper =
  hasDriver('nvme') && hasProgram('dmsetup') && existsSync('/sys/module/dm_mod')
    ? test.serial
    : test.serial.skip;
const withNic = hasDriver('e1000e') && hasProgram('ip') ? test.serial : test.serial.skip;

const driver = (name: string) => basename(readlinkSync(`/sys/bus/pci/devices/${name}/driver`));
const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' });

/** Runs a command that must refuse a function. Returns the uses that the error names. */
async function refusal(name: string, command = 'bind'): Promise<string> {
  const before = driver(name);
  const { code, stderr } = await vfioHere([command, name]);
  if (code !== 1 || driver(name) !== before) throw new Error(`exit code ${code}: ${stderr}`);
  return /^vfio: EBUSY: in use: (.*) 'IOMMU group \d+'\n/.exec(stderr)?.[1] ?? stderr;
}

/**
 * Releases a function to its own driver. Waits until the driver has created a file with a matching
 * name in a folder.
 */
async function release(name: string, folder: string, wanted: RegExp): Promise<string> {
  const { code, stderr } = await vfioHere(['release', name]);
  if (code !== 0) throw new Error(stderr);
  for (let turn = 0; turn < 300; turn++) {
    const names = existsSync(folder) ? readdirSync(folder) : [];
    const found = names.find((one) => wanted.test(one));
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error(`nothing in ${folder} matches ${wanted.source}`);
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

test.serial(
  "vfio bind refuses the virtio console that carries the guest's input and output",
  async (t) => {
    const folder = '/sys/class/virtio-ports';
    const port = readdirSync(folder)[0] ?? '';
    const console = basename(dirname(dirname(dirname(realpathSync(join(folder, port))))));
    t.regex(await refusal(console), /\/dev\/vport\d+p\d+ is open in \w+ \(\d+\)/);
  },
);

test.serial(
  'vfio release fails if vfio-pci has the ids of the function, and succeeds after remove_id',
  async (t) => {
    writeFileSync('/sys/bus/pci/drivers/vfio-pci/new_id', '1234 11e8');
    const { code, stderr } = await vfioHere(['release', EDU]);
    t.is(code, 1);
    t.regex(
      stderr,
      /^vfio: EBUSY: vfio-pci bound to .* again, because the driver claims the ids 1234:11e8/,
    );
    t.is(driver(EDU), 'vfio-pci');
    const fix = /'(echo 1234 11e8 > [^']*remove_id)'/.exec(stderr)?.[1] ?? 'false';
    run('sh', '-c', fix);
    const released = await vfioHere(['release', EDU]);
    t.is(released.stdout, `${EDU}: vfio-pci -> no driver\n`);
    t.is((await vfioHere(['bind', EDU])).code, 0);
  },
);

withDisk('a disk is in use while a program has the disk or its controller open', async (t) => {
  const disk = await release(NVME, '/sys/class/block', /^nvme\d+n\d+$/);
  t.is(driver(NVME), 'nvme');
  const fd = openSync(`/dev/${disk}`, 'r');
  t.regex(await refusal(NVME), new RegExp(`^/dev/${disk} is open in .*\\(${process.pid}\\)$`));
  closeSync(fd);
  const controller = /nvme\d+/.exec(disk)?.[0] ?? '';
  const other = openSync(`/dev/${controller}`, 'r');
  t.regex(
    await refusal(NVME),
    new RegExp(`^/dev/${controller} is open in .*\\(${process.pid}\\)$`),
  );
  closeSync(other);
  run('mv', `/dev/${disk}`, '/dev/elsewhere');
  t.is(await refusal(NVME), `/dev/${disk} is not accessible (ENOENT)`);
  run('mv', '/dev/elsewhere', `/dev/${disk}`);
});

withMapper('a disk is in use while a device-mapper device on the disk is open', async (t) => {
  const disk = readdirSync('/sys/class/block').find((name) => /^nvme\d+n\d+$/.test(name)) ?? '';
  run('dmsetup', 'create', '--noudevsync', 'vm1', '--table', `0 2048 linear /dev/${disk} 0`);
  const mapped = readdirSync('/sys/class/block').find((name) => name.startsWith('dm-')) ?? '';
  const fd = openSync(`/dev/${mapped}`, 'r');
  const uses = await refusal(NVME);
  t.regex(uses, new RegExp(`/dev/${disk} is claimed by ${mapped} \\(vm1\\)`));
  t.regex(uses, new RegExp(`/dev/${mapped} is open in .*\\(${process.pid}\\)`));
  t.is(readSync(fd, Buffer.alloc(512)), 512);
  closeSync(fd);
  t.is(await refusal(NVME), `/dev/${disk} is claimed by ${mapped} (vm1)`);
  run('dmsetup', 'remove', '--noudevsync', 'vm1');
});

withDisk('vfio bind binds a disk that is not in use', async (t) => {
  const { code, stdout } = await vfioHere(['bind', NVME]);
  t.deepEqual([code, stdout], [0, `${NVME}: nvme -> vfio-pci\n`]);
});

withNic('a network interface is in use while it is up, in any network namespace', async (t) => {
  const name = await release(NIC, `/sys/bus/pci/devices/${NIC}/net`, /./);
  run('ip', 'link', 'set', name, 'up');
  t.is(await refusal(NIC), `network interface ${name} is up`);
  run('ip', 'link', 'set', name, 'down');

  const script = 'mount -t sysfs sysfs /sys && echo ready && exec sleep 600';
  const container = spawn('unshare', ['-n', '-m', 'sh', '-c', script]);
  await once(container.stdout, 'data');
  const pid = String(container.pid);
  run('ip', 'link', 'set', name, 'netns', pid);
  run('nsenter', '-t', pid, '-n', 'ip', 'link', 'set', name, 'up');
  const where = `in the network namespace of sleep (${pid})`;
  t.is(await refusal(NIC), `network interface ${name} is up ${where}`);
  run('nsenter', '-t', pid, '-n', 'ip', 'link', 'set', name, 'netns', '1');
  await end(container);

  const hidden = spawn('unshare', ['-n', 'sh', '-c', 'echo ready && exec sleep 600']);
  await once(hidden.stdout, 'data');
  run('ip', 'link', 'set', name, 'netns', String(hidden.pid));
  t.regex(await refusal(NIC), /^the network interface of .* is in another network namespace/);
  run('nsenter', '-t', String(hidden.pid), '-n', 'ip', 'link', 'set', name, 'netns', '1');
  await end(hidden);
  t.is((await vfioHere(['bind', NIC])).code, 0);
});

const physical = readdirSync('/sys/bus/pci/devices').find((name) => {
  return existsSync(`/sys/bus/pci/devices/${name}/sriov_numvfs`);
});
const withVirtual = physical === undefined || !hasDriver('nvme') ? test.serial.skip : test.serial;

withVirtual('a physical function keeps its driver while it has virtual functions', async (t) => {
  const name = physical ?? '';
  const virtual = `/sys/bus/pci/devices/${name}/sriov_numvfs`;
  const refused =
    /^virtual function \S+ \(.*\) is removed together with \S+; virtual function \S+ \(.*\) is removed/;
  // QEMU's virtual functions are offline, so the nvme driver would wait for these functions.
  writeFileSync(`/sys/bus/pci/devices/${name}/sriov_drivers_autoprobe`, '0');
  writeFileSync(virtual, '2');
  t.regex(await refusal(name), refused);
  t.is(readFileSync(virtual, 'utf8').trim(), '2');
  writeFileSync(virtual, '0');

  t.is((await vfioHere(['bind', name])).code, 0);
  writeFileSync('/sys/module/vfio_pci/parameters/enable_sriov', 'Y');
  writeFileSync(virtual, '2');
  t.regex(await refusal(name, 'release'), refused);
  t.is(readFileSync(virtual, 'utf8').trim(), '2');
  writeFileSync(virtual, '0');
  t.is((await vfioHere(['release', name])).code, 0);
});
