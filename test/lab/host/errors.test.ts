// QEMU's monitor injects an uncorrectable error of a device, which the root port reports.
import test from 'ava';
import { runProgram } from './guest.js';

test('an error that a device reports raises ERR', async (t) => {
  t.timeout(240_000);
  const { exitCode, lines, errors } = await runProgram('errors', {
    // This device of QEMU supports error reporting.
    devices: ['virtio-rng-pci,aer=on,id=victim'],
    monitor: { ready: 'pcie_aer_inject_error victim COMP_ABORT' },
  });
  t.log(errors);
  // The function itself sets Signaled System Error.
  t.deepEqual(lines, ['ready', 'ERR 1', 'status 4010']);
  t.is(exitCode, 0);
});
