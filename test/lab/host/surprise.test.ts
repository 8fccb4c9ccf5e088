// Tests surprise removal: an open device is removed from the hot-plug slot of a root port.
import test from 'ava';
import { runProgram, SLOTS } from './guest.js';

test('after a surprise removal, no call hangs, and close() succeeds', async (t) => {
  t.timeout(240_000);
  const { exitCode, lines, errors } = await runProgram('surprised', {
    devices: ['nvme'],
    qemuArgs: SLOTS,
  });
  t.log(errors);
  t.deepEqual(lines, [
    'status 10',
    'requested',
    'register: true',
    'write: undefined',
    'status: ffff',
    'reset: EAGAIN',
    'interrupts: 1',
    'memory: undefined',
    'close: undefined',
    'gone, closed',
  ]);
  t.is(exitCode, 0);
});

test('by default, a device that was removed without notice is closed', async (t) => {
  t.timeout(240_000);
  const env = { DEFAULT: '1' };
  const { exitCode, lines, errors } = await runProgram('surprised', {
    devices: ['nvme'],
    qemuArgs: SLOTS,
    env,
  });
  t.regex(errors, /VFIO_HOST_REQUEST/);
  t.deepEqual(lines, ['status 10', 'gone, closed']);
  t.is(exitCode, 0);
});
