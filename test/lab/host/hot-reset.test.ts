// Tests that a hot reset resets every function of the slot.
import test from 'ava';
import { KERNEL, runProgram, SLOTS } from './guest.js';

for (const via of KERNEL.startsWith('debian') ? ['group'] : ['group', 'cdev']) {
  test(`a hot reset by ${via} resets both functions, and both functions work after the reset`, async (t) => {
    t.timeout(240_000);
    const { exitCode, lines, errors } = await runProgram('hot-reset', {
      devices: ['nvme,multifunction=on'],
      // Linux waits until the port reports that the link is up. With ACPI hot-plug, QEMU's port
      // does not report the link state.
      qemuArgs: [...SLOTS, '-device', 'nvme,serial=second,bus=port0,addr=0x0.1'],
      env: { VFIO_VIA: via },
    });
    t.log(errors);
    // The ids of iommufd: 1 is the address space, 2 the first device, 3 the page table.
    const [notOpen, both, closed] =
      via === 'group' ? ['0 true,true', '0 true,true', '0 true,true'] : ['3 2,0', '3 2,4', '3 0,4'];
    t.deepEqual(lines, [
      'affected: true,true',
      'the other has no driver: EINVAL',
      'group: true',
      `the other is not open: ${notOpen} done`,
      `both are open: ${both}`,
      'before: 460001 107, 460001 107',
      'together: done',
      'after: 0 107, 0 107',
      'interrupts: 1',
      `the first is closed: ${closed}`,
    ]);
    t.is(exitCode, 0);
  });
}
