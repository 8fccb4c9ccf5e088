// Does the same work as the C program in bench/c/lab, but with the public API. The program runs in
// the lab's guest. Prints one line of JSON for each path.
//   node guest.js <address of an NVMe>
import { openDevice } from 'vfio';
import { now } from './clock.js';
import { measureNvme } from './nvme.js';
import { measurePaths } from './paths.js';

const started = now();
const device = await openDevice(process.argv[2] ?? '', { via: 'group' });
device.config.update('command', { memory: 1, bus_master: 1 });
const opened = now();
console.log(JSON.stringify({ node: started.cpu, open: opened.cpu - started.cpu }));
await measurePaths(device);
await measureNvme(device);
device.close();
