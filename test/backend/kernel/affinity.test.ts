import test from 'ava';
import type { ExecutionContext } from 'ava';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCpuList } from '../../../lib/backend/kernel/affinity.js';
import { failure, make } from './backend.js';
import { goodHost } from '../../sysfs/tree.js';

const INTERRUPTS = `            CPU0       CPU1
   9:          0          0   IO-APIC   9-fasteoi   acpi
  22:          3          1   IO-APIC  22-fasteoi   ahci, vfio-intx(0000:01:00.0)
  45:          0         12  IR-PCI-MSIX-0000:01:00.0    0-edge      vfio-msix[1](0000:01:00.0)
  46:          0          0  IR-PCI-MSIX-0000:01:00.0   10-edge      vfio-msix[10](0000:01:00.0)
  47:          0          0  IR-PCI-MSI-0000:01:00.0     1-edge      vfio-msi[1](0000:01:00.0)
  48:          0          0  IR-PCI-MSIX-0000:02:00.0    0-edge      vfio-msix[0](0000:02:00.0)
 NMI:          0          0   Non-maskable interrupts
`;

function open(t: ExecutionContext) {
  const tree = goodHost(t);
  tree.file('proc/interrupts', INTERRUPTS);
  for (const irq of [22, 45, 46, 47, 48]) {
    tree.file(`proc/irq/${irq}/smp_affinity_list`, `${irq}\n`);
    tree.file(`proc/irq/${irq}/effective_affinity_list`, `${irq % 2}\n`);
  }
  const { backend, fake } = make(tree);
  return { tree, fake, device: backend.openSync('0000:01:00.0', {}) };
}

test('a list of CPUs is parsed into numbers', (t) => {
  t.deepEqual(parseCpuList('0-2,5\n'), [0, 1, 2, 5]);
  t.deepEqual(parseCpuList('7'), [7]);
  t.deepEqual(parseCpuList('\n'), []);
});

test('getAffinity() finds the host interrupt of a vector by the name of the interrupt handler', (t) => {
  const { device } = open(t);
  t.deepEqual(device.getAffinity(0, 0), [22]);
  t.deepEqual(device.getAffinity(1, 1), [47]);
  t.deepEqual(device.getAffinity(2, 1), [45]);
  t.deepEqual(device.getAffinity(2, 10), [46]);
});

test('setAffinity() writes the list of CPUs to smp_affinity_list', (t) => {
  const { tree, device } = open(t);
  device.setAffinity(2, 10, [3, 0]);
  t.is(readFileSync(join(tree.root, 'proc/irq/46/smp_affinity_list'), 'utf8'), '3,0');
  t.throws(
    () => {
      device.setAffinity(2, 10, [-1]);
    },
    { instanceOf: RangeError },
  );
});

test('getAffinity() fails with ENOENT if the vector has no host interrupt', (t) => {
  const { device } = open(t);
  for (const [index, vector] of [
    [0, 1],
    [2, 0],
    [1, 10],
    [3, 0],
    [4, 0],
  ] as const) {
    const error = failure(t, () => device.getAffinity(index, vector));
    t.is(error.code, 'ENOENT');
    t.regex(
      error.message,
      new RegExp(`^ENOENT: 0000:01:00.0 has no .* vector ${vector} of index ${index}`),
    );
  }
});

test('a file system error contains the path and a hint', (t) => {
  const { tree, device } = open(t);
  tree.file('proc/interrupts', INTERRUPTS.replace('47:', '99:'));
  const error = failure(t, () => {
    device.setAffinity(1, 1, [0]);
  });
  t.is(error.code, 'ENOENT');
  t.regex(error.path ?? '', /proc\/irq\/99\/smp_affinity_list$/);
  t.regex(error.hint ?? '', /Only root has permission to write/);
});

test('synchronizeIrqs() runs on each CPU that serves one of the vectors', (t) => {
  const { fake, device } = open(t);
  fake.calls.length = 0;
  device.synchronizeIrqs(2, [1, 10]);
  t.deepEqual(fake.calls, ['visitCpu 1', 'visitCpu 0']);
  fake.calls.length = 0;
  device.synchronizeIrqs(2, [1, 1, 7]);
  t.deepEqual(
    fake.calls,
    ['visitCpu 1'],
    'synchronizeIrqs() skips vector 7, which has no host interrupt',
  );
  fake.fail('visitCpu', 'EINVAL');
  t.notThrows(() => {
    device.synchronizeIrqs(2, [10]);
  }, 'synchronizeIrqs() skips a CPU that is offline or not allowed for this process');
});

test('getAffinity() remembers the interrupt number of a vector while the interrupt handler exists', (t) => {
  const { tree, device } = open(t);
  tree.folder('proc/irq/45/vfio-msix[1](0000:01:00.0)');
  t.deepEqual(device.getAffinity(2, 1), [45]);
  tree.file('proc/interrupts', INTERRUPTS.replace('45:', '46:').replace('46:', '45:'));
  t.deepEqual(device.getAffinity(2, 1), [45]);
  tree.file('proc/interrupts', INTERRUPTS.replace(/^ {2}46.*$/m, ''));
  t.throws(() => device.getAffinity(2, 10), { code: 'ENOENT' });
});
