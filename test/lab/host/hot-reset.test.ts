// A hot reset takes every function of the slot along.
import test from 'ava';
import { KERNEL, runProgram, SLOTS } from './guest.js';

for (const via of KERNEL.startsWith('debian') ? ['group'] : ['group', 'cdev']) {
  test(`two functions, by ${via}: both are reset, and go on`, async (t) => {
    t.timeout(240_000);
    const { exitCode, lines, errors } = await runProgram('hot-reset', {
      devices: ['nvme,multifunction=on'],
      // With the slots of ACPI a port of QEMU does not say that its link is up, as Linux waits for.
      qemuArgs: [...SLOTS, '-device', 'nvme,serial=second,bus=port0,addr=0x0.1'],
      env: { VFIO_VIA: via },
    });
    t.log(errors);
    t.deepEqual(lines, [
      'affected: true,true',
      'the other has no driver: EINVAL',
      'group: true',
      'before: 460001 107, 460001 107',
      'together: done',
      'after: 0 107, 0 107',
      'interrupts: 1',
    ]);
    t.is(exitCode, 0);
  });
}
