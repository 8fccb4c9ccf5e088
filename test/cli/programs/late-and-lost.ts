/**
 * Raises seven interrupts of edu. Five are delivered in time, and one is delivered late. The last
 * interrupt is lost, because the program closes the device before the delivery.
 */
import { openDevice } from '../../../lib/mock.js';

const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;

const device = await openDevice('mock:edu');
device.config.update('command', { memory: 1, bus_master: 1 });
const registers = device.bar(0).map();
const vector = device.interrupts.msi.request(0);
for (let i = 0; i < 6; i++) {
  const arrived = vector.next();
  registers.write32(RAISE, 1);
  if (i === 3) {
    const end = performance.now() + 400;
    while (performance.now() < end);
  }
  await arrived;
  registers.write32(ACKNOWLEDGE, 1);
}
registers.write32(RAISE, 1);
device.close();
process.exitCode = 3;
