// Runs in the guest: waits for an error that QEMU injects into the device.
import { openDevice } from 'vfio';

const device = await openDevice(process.env.VFIO_LAB_E1000E ?? '');
// Kernels before 6.2 leave it to the driver to have errors reported.
device.config.update('pcie.device_control', {
  non_fatal_error_reporting: 1,
  fatal_error_reporting: 1,
});
const error = device.interrupts.err.request().next();
console.log('waiting');
await error;
console.log('ERR');
console.log(`still there: ${device.config.read16(0).toString(16)}`);
device.close();
