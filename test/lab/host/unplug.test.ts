// QEMU's monitor unplugs a device (device_del) while a program reads a register in a loop.
import test from 'ava';
import { runProgram, SLOTS } from './guest.js';

test('if a device is unplugged, a program that reads its registers does not crash', async (t) => {
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
