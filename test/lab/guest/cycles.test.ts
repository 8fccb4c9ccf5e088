// Real devices, opened and closed: neither the process nor what the kernel counts for it grows.
import test from 'ava';
import { FULL } from '../../full.js';
import { runCycles } from '../../device/run-cycles.js';

// An emulated CPU takes half a second for one, and more where others use the machine.
const COUNT = FULL ? 1000 : 8;

for (const variable of FULL ? ['VFIO_LAB_NVME', 'VFIO_LAB_EDU'] : ['VFIO_LAB_NVME']) {
  test.serial(`${variable}: ${COUNT} times opened and closed`, async (t) => {
    t.timeout(60 * 60_000);
    const { before, during } = await runCycles(t, process.env[variable] ?? '', COUNT);
    t.true(during.fds > before.fds);
    t.true(during.windows > before.windows);
    // Pinned memory is the process's with a container, and the user's with iommufd.
    t.true(during.VmLck + during.VmPin > before.VmLck + before.VmPin);
  });
}
