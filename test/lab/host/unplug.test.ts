// QEMU's monitor unplugs a device (device_del) while a program reads a register in a loop.
import test from 'ava';
import { runProgram, SLOTS } from './guest.js';

test('a program that reads a register in a loop survives an unplug of the device and can finish', async (t) => {
  t.timeout(240_000);
  const { exitCode, lines, errors } = await runProgram('unplugged', {
    devices: ['nvme,id=victim'],
    qemuArgs: SLOTS,
    monitor: { spinning: 'device_del victim' },
  });
  t.log(errors);
  t.deepEqual(lines, ['spinning', 'requested', 'other answers: ', 'closed: EBADF', 'gone']);
  t.is(exitCode, 0);
});
