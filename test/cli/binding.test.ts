import test from 'ava';
import { printPlan } from '../../lib/cli/binding.js';
import { planBind } from '../../lib/host/binding.js';
import { FakeHost } from '../host/fake-host.js';
import { vfio } from './vfio.js';

const CARD = '0000:01:00.0';

test.serial('with --dry-run, bind prints the writes to sysfs and the chown command', (t) => {
  const host = new FakeHost(t, {
    devices: [{ name: CARD, driver: 'e1000e', group: 7 }],
    drivers: ['vfio-pci', 'e1000e'],
  });
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => lines.push(line.replaceAll(host.path(''), '/'));
  try {
    const plan = planBind(host, CARD);
    printPlan(plan, false, { owner: 'alice', node: host.groupNode(plan.group) });
  } finally {
    console.log = log;
  }
  const device = `/sys/bus/pci/devices/${CARD}`;
  t.deepEqual(
    lines.map((line) => line.replaceAll('//', '/')),
    [
      `# ${CARD}: e1000e -> vfio-pci`,
      `echo vfio-pci > ${device}/driver_override`,
      `echo ${CARD} > ${device}/driver/unbind`,
      `echo ${CARD} > /sys/bus/pci/drivers_probe`,
      `echo e1000e > ${device}/driver_override`,
      'chown alice /dev/vfio/7',
    ],
  );
  t.is(host.driver(CARD), 'e1000e');
});

test('--persist prints a udev rule and not JSON', async (t) => {
  const { code, stdout, stderr } = await vfio(['bind', CARD, '--persist', '--json']);
  t.deepEqual([code, stdout], [2, '']);
  t.is(stderr, 'vfio: --persist prints a rule, not JSON\n');
});
