// device_del from QEMU's monitor while a program spins on a register.
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../../native/helpers.js';
import { runProgram, tell } from './guest.js';

test('a program that spins on a register survives an unplug, and can end it', async (t) => {
  t.timeout(240_000);
  const monitor = join(temporaryFolder(), 'monitor');
  const told: Promise<void>[] = [];
  const { exitCode, lines, errors } = await runProgram('unplugged', {
    devices: ['nvme,id=victim'],
    qemuArgs: [
      ...['-monitor', `unix:${monitor},server=on,wait=off`],
      // Otherwise the guest is asked by ACPI, which has a driver of its own.
      ...['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'],
    ],
    onLine: (line) => {
      if (line === 'spinning') told.push(tell(monitor, 'device_del victim'));
    },
  });
  await Promise.all(told);
  t.log(errors);
  t.deepEqual(lines, ['spinning', 'requested', 'other answers: ', 'closed: TypeError', 'gone']);
  t.is(exitCode, 0);
});
