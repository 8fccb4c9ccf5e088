import { symlinkSync } from 'node:fs';
import test from 'ava';
import { applyPlan } from '../../lib/host/apply.js';
import { planBind, planRelease } from '../../lib/host/binding.js';
import { udevRules } from '../../lib/host/persist.js';
import { FakeHost } from './fake-host.js';
import { opener } from './machine.js';
import { VfioError } from '../../lib/errors.js';
import type { ExecutionContext } from 'ava';

const GPU = '0000:01:00.0';
const SOUND = '0000:01:00.1';
const PORT = '0000:00:01.0';

/**
 * A graphics card with a sound function behind a root port. All three functions are in one IOMMU
 * group.
 */
function card(t: ExecutionContext): FakeHost {
  return new FakeHost(t, {
    devices: [
      { name: PORT, driver: 'pcieport', group: 1, files: { class: '0x060400' } },
      { name: GPU, driver: 'amdgpu', group: 1, files: { class: '0x030000' } },
      { name: SOUND, driver: 'snd_hda_intel', group: 1, files: { class: '0x040300' } },
    ],
    drivers: ['vfio-pci', 'amdgpu', 'snd_hda_intel', 'pcieport'],
  });
}

const drivers = (host: FakeHost) => [GPU, SOUND, PORT].map((name) => host.driver(name));

test('bind changes the whole group except bridges, and release binds the former drivers again', (t) => {
  const host = card(t);
  t.deepEqual(applyPlan(host, planBind(host, GPU), false), [
    { name: GPU, from: 'amdgpu', to: 'vfio-pci' },
    { name: SOUND, from: 'snd_hda_intel', to: 'vfio-pci' },
  ]);
  t.deepEqual(drivers(host), ['vfio-pci', 'vfio-pci', 'pcieport']);

  t.deepEqual(applyPlan(host, planRelease(host, SOUND), false), [
    { name: GPU, from: 'vfio-pci', to: 'amdgpu' },
    { name: SOUND, from: 'vfio-pci', to: 'snd_hda_intel' },
  ]);
  t.deepEqual(drivers(host), ['amdgpu', 'snd_hda_intel', 'pcieport']);
  t.is(host.text('sys/bus/pci/devices', GPU, 'driver_override'), '(null)');
});

test('release binds the former driver even if another driver also matches the function', (t) => {
  const host = card(t);
  applyPlan(host, planBind(host, GPU), false);
  host.natural[GPU] = 'radeon';
  host.tree.folder('sys/bus/pci/drivers/radeon');
  applyPlan(host, planRelease(host, GPU), false);
  t.is(host.driver(GPU), 'amdgpu');
});

test('bind keeps a VFIO driver of a function, so a second bind changes nothing', (t) => {
  const host = card(t);
  applyPlan(host, planBind(host, GPU), false);
  const again = planBind(host, GPU);
  t.deepEqual(again.changes, []);
  t.deepEqual(
    again.kept.map(({ name, why }) => `${name} ${why}`),
    [`${PORT} a PCI bridge`, `${GPU} bound to vfio-pci`, `${SOUND} bound to vfio-pci`],
  );
});

test('if a function had no driver before bind, the function has no driver after release', (t) => {
  const host = new FakeHost(t, { devices: [{ name: GPU, group: 1 }] });
  applyPlan(host, planBind(host, GPU), false);
  t.is(host.driver(GPU), 'vfio-pci');
  const [outcome] = applyPlan(host, planRelease(host, GPU), false);
  t.deepEqual(outcome, { name: GPU, from: 'vfio-pci', to: null });
  t.is(host.text('sys/bus/pci/devices', GPU, 'driver_override'), '(null)');
});

test('if vfio-pci refuses the second function, the first function is bound to its former driver again', (t) => {
  const host = card(t);
  host.refused.add(`${SOUND} vfio-pci`);
  const error = t.throws(() => applyPlan(host, planBind(host, GPU), false), {
    instanceOf: VfioError,
    code: 'ENODEV',
  });
  t.regex(error.message, /vfio-pci did not bind to 0000:01:00\.1/);
  t.deepEqual(drivers(host), ['amdgpu', 'snd_hda_intel', 'pcieport']);
  t.is(host.text('sys/bus/pci/devices', GPU, 'driver_override'), '(null)');
});

test('planBind and planRelease only read files and write none', (t) => {
  const host = card(t);
  const { changes } = planBind(host, GPU);
  t.deepEqual(host.writes, []);
  t.deepEqual(
    changes[0]?.steps.map(({ path, text }) => [path.slice(host.tree.root.length), text]),
    [
      [`/sys/bus/pci/devices/${GPU}/driver_override`, 'vfio-pci'],
      [`/sys/bus/pci/devices/${GPU}/driver/unbind`, GPU],
      ['/sys/bus/pci/drivers_probe', GPU],
      [`/sys/bus/pci/devices/${GPU}/driver_override`, 'amdgpu'],
    ],
  );
});

test('bind refuses a bridge, a missing function, a function without a group, and a host without vfio-pci', (t) => {
  const host = card(t);
  t.throws(() => planBind(host, PORT), { code: 'EINVAL', message: /a PCI bridge/ });
  t.throws(() => planBind(host, '0000:09:00.0'), { code: 'ENODEV', message: /no such PCI/ });
  const bare = new FakeHost(t, { devices: [{ name: GPU, driver: 'amdgpu' }] });
  const unprotected = t.throws(() => planBind(bare, GPU), {
    instanceOf: VfioError,
    code: 'ENODEV',
    message: /no IOMMU group/,
  });
  t.regex(unprotected.hint ?? '', /^(?!.*noiommu).*vfio doctor/);
  const none = new FakeHost(t, { devices: [{ name: GPU, group: 1 }], drivers: ['amdgpu'] });
  const error = t.throws(() => planBind(none, GPU), { instanceOf: VfioError, code: 'ENODEV' });
  t.regex(error.hint ?? '', /modprobe vfio-pci/);
});

test('the udev rules match a function by its address and its ids', (t) => {
  const host = card(t);
  const rules = udevRules(host, planBind(host, GPU), 'ann').split('\n');
  const functions = rules.filter((line) => line.startsWith('ACTION'));
  t.is(functions.length, 2);
  t.regex(functions[0] ?? '', /KERNEL=="0000:01:00\.0", ATTR\{vendor\}=="0x1b36"/);
  t.true(rules.includes('SUBSYSTEM=="vfio", KERNEL=="1", OWNER="ann"'));
  t.deepEqual(host.writes, []);
});

test('release fails if vfio-pci binds to the function again because of the function’s ids', (t) => {
  const host = new FakeHost(t, { devices: [{ name: GPU, driver: 'vfio-pci', group: 1 }] });
  host.natural[GPU] = 'vfio-pci';
  const error = t.throws(() => applyPlan(host, planRelease(host, GPU), false), {
    instanceOf: VfioError,
    code: 'EBUSY',
    message: /vfio-pci bound to 0000:01:00\.0 again, because the driver claims the ids 1b36:0010/,
  });
  t.regex(error.hint ?? '', /echo 1b36 0010 > .*\/vfio-pci\/remove_id.*ids=/);
  t.is(host.driver(GPU), 'vfio-pci');
});

test('applyPlan throws if another program changes a driver while applyPlan runs', (t) => {
  const host = card(t);
  const write = host.write.bind(host);
  host.write = (path, text) => {
    write(path, text);
    // Another program binds the first function while applyPlan changes the second function.
    if (text !== SOUND || !path.endsWith('drivers_probe')) return;
    write(`${host.device(GPU)}/driver/unbind`, GPU);
    write(`${host.device(GPU)}/driver_override`, 'amdgpu');
    write(path, GPU);
  };
  t.throws(() => applyPlan(host, planBind(host, GPU), false), {
    code: 'ENODEV',
    message: /vfio-pci did not bind to 0000:01:00\.0, but amdgpu did/,
  });
  t.deepEqual(drivers(host), ['amdgpu', 'snd_hda_intel', 'pcieport']);
});

test('after a failed release, the next release still binds the former driver', (t) => {
  const host = card(t);
  applyPlan(host, planBind(host, GPU), false);
  host.refused.add(`${SOUND} snd_hda_intel`);
  t.throws(() => applyPlan(host, planRelease(host, GPU), false), { code: 'ENODEV' });
  t.deepEqual(drivers(host), ['vfio-pci', 'vfio-pci', 'pcieport']);
  host.refused.clear();
  applyPlan(host, planRelease(host, GPU), false);
  t.deepEqual(drivers(host), ['amdgpu', 'snd_hda_intel', 'pcieport']);
});

/**
 * Adds two VFs to the graphics card. One VF has a host driver, and a program has the other VF open.
 */
function virtualize(host: FakeHost): void {
  for (const [index, name] of ['0000:02:00.0', '0000:02:00.1'].entries()) {
    symlinkSync(`../${name}`, host.path('sys/bus/pci/devices', GPU, `virtfn${index}`));
  }
  opener(host, 4711, 'qemu', 'vfio/21');
}

test('without --force, bind and release refuse a physical function that has virtual functions', (t) => {
  const virtual = [
    { name: '0000:02:00.0', driver: 'igbvf', group: 20 },
    { name: '0000:02:00.1', driver: 'vfio-pci', group: 21 },
  ];
  for (const [driver, plan] of [
    ['vfio-pci', planRelease],
    ['igb', planBind],
  ] as const) {
    const host = new FakeHost(t, { devices: [{ name: GPU, driver, group: 1 }, ...virtual] });
    virtualize(host);
    t.deepEqual(plan(host, GPU).uses, [
      `virtual function 0000:02:00.0 (igbvf) is removed together with ${GPU}`,
      `virtual function 0000:02:00.1 (vfio-pci, open in qemu (4711)) is removed together with ${GPU}`,
    ]);
    t.throws(() => applyPlan(host, plan(host, GPU), false), { code: 'EBUSY' });
    t.is(host.driver(GPU), driver);
    t.deepEqual(host.writes, []);
    t.notThrows(() => applyPlan(host, plan(host, GPU), true));
  }
});
