// pcie_aer_inject_error from QEMU's monitor: the device tells its root port, the port the kernel,
// and vfio-pci the program. Then a slot without power: the device is gone before anybody knows.
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../../native/helpers.js';
import { runProgram, tell } from './guest.js';

/** PCI_ERR_UNC_COMP_TIME: uncorrectable, not fatal. */
const COMPLETION_TIMEOUT = 0x4000;

test('an error that a device reports reaches ERR; one that is pulled out hangs nobody', async (t) => {
  t.timeout(240_000);
  const monitor = join(temporaryFolder(), 'monitor');
  const told: Promise<void>[] = [];
  const { exitCode, lines, errors } = await runProgram('faulty', {
    devices: ['e1000e,id=faulty', 'nvme'],
    qemuArgs: ['-monitor', `unix:${monitor},server=on,wait=off`],
    onLine: (line) => {
      const inject = `pcie_aer_inject_error faulty ${COMPLETION_TIMEOUT}`;
      if (line.startsWith('waiting')) told.push(tell(monitor, inject));
    },
  });
  await Promise.all(told);
  t.log(errors);
  t.log(lines.join('\n'));
  t.is(exitCode, 0);
});
