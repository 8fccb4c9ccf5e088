/** Reads one register of a mock device 50,000 times. */
import { openDevice } from '../../../lib/mock.js';

const device = await openDevice('mock:edu');
device.config.update('command', { memory: 1 });
const registers = device.bar(0).map();
for (let i = 0; i < 50_000; i++) registers.read32(0);
device.close();
