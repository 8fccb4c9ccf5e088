/**
 * Makes register accesses on a mock device and prints a checksum of the results. Usage: accesses.js
 * <pairs of a write and a read>
 *
 * The program changes its working directory first. The program waits half a second before its end,
 * so that the timers of an observer can run.
 */
import { setTimeout } from 'node:timers/promises';
import { openDevice } from '../../../lib/mock.js';

process.chdir('/');
const pairs = Number(process.argv[2]);
const device = await openDevice('mock:edu');
device.config.update('command', { memory: 1 });
const registers = device.bar(0).map();
let sum = 0;
for (let i = 0; i < pairs; i++) {
  registers.write32(4, i);
  sum = (sum + registers.read32(4)) >>> 0;
}
await setTimeout(500);
device.close();
console.log(`sum ${sum}`);
