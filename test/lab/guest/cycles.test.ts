// Opens and closes real devices many times. The memory use and the kernel's counters must not grow.
import test from 'ava';
import { FULL } from '../../full.js';
import { runCycles } from '../../device/run-cycles.js';

// One cycle takes half a second on an emulated CPU, and longer on a busy machine.
const COUNT = FULL ? 1000 : 8;

for (const variable of FULL ? ['VFIO_LAB_NVME', 'VFIO_LAB_EDU'] : ['VFIO_LAB_NVME']) {
  test.serial(
    `opening and closing a device ${COUNT} times leaks no resource: ${variable}`,
    async (t) => {
      t.timeout(60 * 60_000);
      const { before, during } = await runCycles(t, process.env[variable] ?? '', COUNT);
      t.true(during.fds > before.fds);
      t.true(during.windows > before.windows);
      // With a VFIO container, the kernel charges pinned memory to the process. With iommufd, the
      // kernel charges pinned memory to the user.
      t.true(during.VmLck + during.VmPin > before.VmLck + before.VmPin);
    },
  );
}
