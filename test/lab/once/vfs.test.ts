// Tests `vfio vfs`, `device.sriov` and VF tokens with the virtual functions of QEMU's nvme, or of igb
// of a newer QEMU. The tests need the module of the device's driver.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { openDevice, VfioError } from 'vfio';
import { vfioHere } from '../../cli/in-process.js';

const TOKEN = '8f1d2c3b-4a59-4687-9786-a5b4c3d2e1f0';
const OTHER = '00000000-0000-4000-8000-000000000001';

interface Listed {
  readonly driver: string | null;
  readonly total: number;
  readonly autoprobe: boolean;
  readonly functions: readonly { readonly name: string; readonly driver: string | null }[];
}

const PF =
  readdirSync('/sys/bus/pci/devices').find((name) => {
    return existsSync(`/sys/bus/pci/devices/${name}/sriov_numvfs`);
  }) ?? '';
const file = (name: string) => `/sys/bus/pci/devices/${PF}/${name}`;
/** The host drivers that create virtual functions, by the vendor and device id of the device. */
const DRIVERS: Readonly<Record<string, string>> = {
  '0x1b36 0x0010': 'nvme',
  '0x8086 0x10c9': 'igb',
};
const idOf = (name: 'vendor' | 'device') => readFileSync(file(name), 'utf8').trim();
const DRIVER = PF === '' ? undefined : DRIVERS[`${idOf('vendor')} ${idOf('device')}`];
const isLoaded = DRIVER !== undefined && existsSync(`/sys/bus/pci/drivers/${DRIVER}`);
const withVirtual = isLoaded ? test.serial : test.serial.skip;
const count = () => Number(readFileSync(file('sriov_numvfs'), 'utf8'));

async function succeed(t: ExecutionContext, ...args: string[]): Promise<Listed> {
  const { code, stdout, stderr } = await vfioHere(['vfs', PF, ...args, '--json']);
  t.deepEqual([code, stderr], [0, '']);
  return JSON.parse(stdout) as Listed;
}

async function refusal(...args: string[]): Promise<string> {
  const before = count();
  const { code, stderr } = await vfioHere(['vfs', PF, ...args]);
  if (code !== 1 || count() !== before) throw new Error(`exit code ${code}: ${stderr}`);
  return stderr;
}

test.before(
  'the physical function has no driver, and the settings are those after the boot',
  () => {
    if (PF === '') return;
    if (existsSync(file('driver'))) writeFileSync(file('driver/unbind'), PF);
    writeFileSync(file('sriov_drivers_autoprobe'), '1');
    writeFileSync('/sys/module/vfio_pci/parameters/enable_sriov', 'N');
  },
);

withVirtual('vfio vfs explains why virtual functions cannot be created', async (t) => {
  const { total, functions } = await succeed(t);
  t.deepEqual(functions, []);
  t.true(total >= 2);
  const exceeded = `EINVAL: ${total + 1} virtual functions exceed the ${total} of the device`;
  t.true((await refusal(`${total + 1}`)).startsWith(`vfio: ${exceeded}`));
  t.regex(await refusal('1'), /^vfio: ENOENT: without a driver/);
  t.is((await vfioHere(['bind', PF])).code, 0);
  const refused = await refusal('2');
  t.regex(refused, /^vfio: ENOENT: vfio-pci creates no virtual functions.*enable_sriov is off/);
  execFileSync('sh', ['-c', /'(echo Y > [^']*enable_sriov)'/.exec(refused)?.[1] ?? 'false']);
});

withVirtual('a physical function and its virtual functions have one VF token', async (t) => {
  using physical = await openDevice(PF, { via: 'group', vfToken: TOKEN });
  const { total, functions } = await succeed(t, '2');
  const names = functions.map(({ name }) => name);
  t.deepEqual(
    functions.map(({ driver }) => driver),
    ['vfio-pci', 'vfio-pci'],
  );
  t.like(physical.sriov, { enabled: true, totalVfs: total, numVfs: 2 });
  t.deepEqual(physical.sriov?.virtualFunctions, names);
  const first = names[0] ?? '';
  for (const vfToken of [undefined, OTHER]) {
    await t.throwsAsync(openDevice(first, { vfToken }), { instanceOf: VfioError, code: 'EACCES' });
  }
  {
    using virtual = await openDevice(first, { vfToken: TOKEN });
    t.is(virtual.sriov, null);
    const { vendorId, deviceId } = virtual.config.header();
    const { vfDeviceId } = physical.sriov ?? {};
    const ids = [physical.config.header().vendorId, vfDeviceId];
    t.deepEqual([vendorId, deviceId], ids, 'vfio-pci emulates the ids of a VF');
    t.is((await vfioHere(['info', first, '--vf-token', TOKEN])).code, 0);
    const open = new RegExp(
      `virtual function ${first} \\(vfio-pci, open in .*\\(${process.pid}\\)\\)`,
    );
    t.regex(await refusal('0'), open);
    t.regex(await refusal('1'), open);
  }
  physical.features.setVfToken(OTHER);
  (await openDevice(first, { vfToken: OTHER })).close();
});

withVirtual('vfio vfs removes virtual functions in use only with --force', async (t) => {
  t.regex(await refusal('0'), /^vfio: EBUSY: in use: virtual function \S+ \(vfio-pci\); virtual/);
  t.regex((await vfioHere(['vfs', PF, '0', '--dry-run'])).stdout, /^# in use: virtual function/);
  t.is(count(), 2);
  writeFileSync(file('sriov_drivers_autoprobe'), '0');
  const { functions } = await succeed(t);
  for (const { name } of functions) t.is((await vfioHere(['release', name])).code, 0);
  t.deepEqual((await succeed(t, '0')).functions, []);
  writeFileSync(file('sriov_drivers_autoprobe'), '1');
});

withVirtual('vfio vfs --bind keeps the drivers of the host away from new functions', async (t) => {
  t.is((await vfioHere(['release', PF])).code, 0);
  writeFileSync('/sys/bus/pci/drivers_probe', PF);
  const { driver, autoprobe, functions } = await succeed(t, '2', '--bind');
  t.deepEqual([driver, autoprobe], [DRIVER, true]);
  t.deepEqual(
    functions.map((one) => one.driver),
    ['vfio-pci', 'vfio-pci'],
  );
  (await openDevice(functions[0]?.name ?? '')).close();
  t.is((await succeed(t, '1', '--bind', '--force')).functions.length, 1);
  t.deepEqual((await succeed(t, '0', '--force')).functions, []);
});
