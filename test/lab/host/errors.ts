// Runs in the guest. Waits for the ERR interrupt of the device.
import { openDevice } from 'vfio';

const device = await openDevice(process.env.VFIO_LAB_VIRTIO_RNG_PCI ?? '');
const told = device.interrupts.err.request().next();
console.log('ready');
console.log(`ERR ${await told}`);
console.log(`status ${device.config.read16(6).toString(16)}`);
device.close();
