// Runs in the guest. Writes the guest's own messages into private sources of the card, and prints
// which interrupts arrived.
import { openDevice } from 'vfio';
import { enable } from '../../../contract/targets.js';
import { raise, SOURCES, writeMessage } from '../../../examples/wlan.js';

const TIMEOUT = 30_000;

const device = await openDevice(process.env.VFIO_LAB_SERVED ?? '');
enable(device);
device.messages.novirt.enable();
const { msi } = device.interrupts;
msi.enable({ vectors: msi.count });
const registers = device.bar(0).map();
for (const source of SOURCES) {
  const vector = msi.request(source.vector);
  const { address, data } = device.messages.read('msi', source.vector);
  const seen = writeMessage(registers, source, address, data);
  const isOwn = seen.address === address && seen.data === data;
  const arrived = vector.next({ timeout: TIMEOUT });
  raise(registers, source);
  await arrived;
  console.log(`source ${source.source}: vector ${source.vector}, own message ${isOwn}`);
}
device.close();
