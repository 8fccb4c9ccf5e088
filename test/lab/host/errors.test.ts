// Tests the ERR interrupt. QEMU's monitor injects an uncorrectable error into a device, and the
// root port reports this error.
import test from 'ava';
import { runProgram } from './guest.js';

test('an error that a device reports raises the ERR interrupt', async (t) => {
  t.timeout(240_000);
  const { exitCode, lines, errors } = await runProgram('errors', {
    // QEMU's virtio-rng supports Advanced Error Reporting (AER).
    devices: ['virtio-rng-pci,aer=on,id=victim'],
    monitor: { ready: 'pcie_aer_inject_error victim COMP_ABORT' },
  });
  t.log(errors);
  // The function sets Signaled System Error in its status register.
  t.deepEqual(lines, ['ready', 'ERR 1', 'status 4010']);
  t.is(exitCode, 0);
});
