import test from 'ava';
import { applyPlan } from '../../lib/host/apply.js';
import { planBind, planRelease } from '../../lib/host/binding.js';
import { udevRules } from '../../lib/host/persist.js';
import { FakeHost } from './fake-host.js';
import { VfioError } from '../../lib/errors.js';
import type { ExecutionContext } from 'ava';

const GPU = '0000:01:00.0';
const SOUND = '0000:01:00.1';
const PORT = '0000:00:01.0';

/** A graphics card and its sound function behind a root port, all in one group. */
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

test('the whole group except bridges is bound, and released to the former drivers', (t) => {
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

test('the former driver is bound again even if another driver matches the function', (t) => {
  const host = card(t);
  applyPlan(host, planBind(host, GPU), false);
  host.natural[GPU] = 'radeon';
  host.tree.folder('sys/bus/pci/drivers/radeon');
  applyPlan(host, planRelease(host, GPU), false);
  t.is(host.driver(GPU), 'amdgpu');
});

test('a function bound to a VFIO driver is kept, and binding twice changes nothing', (t) => {
  const host = card(t);
  applyPlan(host, planBind(host, GPU), false);
  const again = planBind(host, GPU);
  t.deepEqual(again.changes, []);
  t.deepEqual(
    again.kept.map(({ name, why }) => `${name} ${why}`),
    [`${PORT} a bridge`, `${GPU} bound to vfio-pci`, `${SOUND} bound to vfio-pci`],
  );
});

test('a function that had no driver is unbound after its release', (t) => {
  const host = new FakeHost(t, { devices: [{ name: GPU, group: 1 }] });
  applyPlan(host, planBind(host, GPU), false);
  t.is(host.driver(GPU), 'vfio-pci');
  const [outcome] = applyPlan(host, planRelease(host, GPU), false);
  t.deepEqual(outcome, { name: GPU, from: 'vfio-pci', to: null });
  t.is(host.text('sys/bus/pci/devices', GPU, 'driver_override'), '(null)');
});

test('if vfio-pci refuses the second function, the first gets its driver back', (t) => {
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

test('planning writes no file', (t) => {
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

test('binding is refused for a bridge, and without a group, a function or vfio-pci', (t) => {
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

test('udev rules match the functions by address and ids', (t) => {
  const host = card(t);
  const rules = udevRules(host, planBind(host, GPU), 'ann').split('\n');
  const functions = rules.filter((line) => line.startsWith('ACTION'));
  t.is(functions.length, 2);
  t.regex(functions[0] ?? '', /KERNEL=="0000:01:00\.0", ATTR\{vendor\}=="0x1b36"/);
  t.true(rules.includes('SUBSYSTEM=="vfio", KERNEL=="1", OWNER="ann"'));
  t.deepEqual(host.writes, []);
});
