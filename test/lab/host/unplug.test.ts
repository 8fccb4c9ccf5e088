// device_del from QEMU's monitor while a program spins on a register.
import test from 'ava';
import { runProgram, SLOTS } from './guest.js';

test('a program that spins on a register survives an unplug and can finish', async (t) => {
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
