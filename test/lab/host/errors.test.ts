// An uncorrectable error of a device, which QEMU's monitor injects and the root port reports.
import test from 'ava';
import { runProgram } from './guest.js';

test('an error that a device reports reaches ERR', async (t) => {
  t.timeout(240_000);
  const { exitCode, lines, errors } = await runProgram('errors', {
    // Of QEMU's devices one that reports errors.
    devices: ['virtio-rng-pci,aer=on,id=victim'],
    monitor: { ready: 'pcie_aer_inject_error victim COMP_ABORT' },
  });
  t.log(errors);
  // Signaled System Error is set by the function itself.
  t.deepEqual(lines, ['ready', 'ERR 1', 'status 4010']);
  t.is(exitCode, 0);
});
