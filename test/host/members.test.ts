import test, { type ExecutionContext } from 'ava';
import { mkdirSync, symlinkSync } from 'node:fs';
import { applyPlan } from '../../lib/host/apply.js';
import { planBind } from '../../lib/host/binding.js';
import { VfioError } from '../../lib/errors.js';
import { FakeHost } from './fake-host.js';

const HOST_BRIDGE = '0000:00:1f.1';
const LPC = '0000:00:1f.0';
const SMBUS = '0000:00:1f.4';
const SOUND = '0000:00:1f.3';
const SPI = '0000:00:1f.5';
const UNUSED = '0000:00:1f.6';

/**
 * A host with the IOMMU group of a chipset. If `driver` is given, the ISA bridge has this driver.
 */
function chipset(t: ExecutionContext, lpc?: string): FakeHost {
  const one = (name: string, code: string, driver?: string) => ({
    name,
    group: 9,
    files: { class: code },
    ...(driver === undefined ? {} : { driver }),
  });
  return new FakeHost(t, {
    devices: [
      one(LPC, '0x060100', lpc),
      one(HOST_BRIDGE, '0x060000'),
      one(SOUND, '0x040300', 'snd_hda_intel'),
      one(SMBUS, '0x0c0500', 'i801_smbus'),
      one(SPI, '0x0c8000', 'intel-spi'),
      one(UNUSED, '0x020000'),
    ],
    drivers: ['vfio-pci', 'snd_hda_intel', 'i801_smbus', 'intel-spi', 'lpc_ich'],
  });
}

const named = (all: readonly { name: string }[]) => all.map(({ name }) => name);

test('bind changes neither bridges nor group members without a driver', (t) => {
  const host = chipset(t);
  const plan = planBind(host, SOUND);
  t.deepEqual(named(plan.changes), [SOUND, SMBUS, SPI]);
  t.deepEqual(plan.kept, [
    { name: LPC, why: 'an ISA bridge' },
    { name: HOST_BRIDGE, why: 'a host bridge' },
    { name: UNUSED, why: 'no driver' },
  ]);
  t.deepEqual(plan.uses, []);
  applyPlan(host, plan, false);
  t.deepEqual(
    [LPC, HOST_BRIDGE, UNUSED].map((name) => host.driver(name)),
    [null, null, null],
  );
  t.false(host.writes.some((line) => line.includes(LPC) || line.includes(UNUSED)));
});

test('bind binds the named function even if the function has no driver', (t) => {
  const host = chipset(t);
  t.true(named(planBind(host, UNUSED).changes).includes(UNUSED));
});

test('bind warns about SMBus and SPI controllers in the group', (t) => {
  const { warnings } = planBind(chipset(t), SOUND);
  t.is(warnings.length, 2);
  t.regex(warnings[0] ?? '', /^0000:00:1f\.4 is an SMBus controller/);
  t.regex(warnings[1] ?? '', /^0000:00:1f\.5 is a serial bus controller: .*flash/);
});

test('if the driver of a bridge makes the group unusable for programs, the bridge counts as in use', (t) => {
  const host = chipset(t, 'lpc_ich');
  const { uses, changes } = planBind(host, SOUND);
  t.false(named(changes).includes(LPC));
  t.is(uses.length, 1);
  t.regex(uses[0] ?? '', /^0000:00:1f\.0, an ISA bridge, by lpc_ich: .*1f\.0\/driver\/unbind/);
  t.throws(() => applyPlan(host, planBind(host, SOUND), false), { code: 'EBUSY' });
  t.deepEqual(host.writes, []);
});

test('bind refuses a host bridge and an ISA bridge even if the user names the bridge', (t) => {
  const host = chipset(t);
  t.throws(() => planBind(host, LPC), { code: 'EINVAL', message: /an ISA bridge cannot be bound/ });
  t.throws(() => planBind(host, HOST_BRIDGE), { code: 'EINVAL', message: /a host bridge/ });
});

test('bind refuses a group with a platform device that has a driver, before the first write', (t) => {
  const host = chipset(t);
  const platform = host.path('sys/kernel/iommu_groups/9/devices/INTC1057:00');
  mkdirSync(platform);
  t.is(planBind(host, SOUND).kept.find(({ name }) => name === 'INTC1057:00')?.why, 'no driver');
  symlinkSync('../../../../bus/platform/drivers/intel-gpio', `${platform}/driver`);
  const error = t.throws(() => planBind(host, SOUND), { instanceOf: VfioError, code: 'EINVAL' });
  t.regex(error.message, /^EINVAL: INTC1057:00 \(intel-gpio\) is not a PCI function/);
  t.deepEqual(host.writes, []);
});
