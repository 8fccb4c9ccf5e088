// A process that serves the two devices of the suite, because a client blocks its own thread. The
// arguments are a folder for the sockets and the names of the devices.
import { join } from 'node:path';
import { serveDevice } from '../../../lib/index.js';

const [, , folder = '', nvme = '', edu = ''] = process.argv;
await serveDevice(nvme, { socket: join(folder, 'nvme.sock') });
await serveDevice(edu, { socket: join(folder, 'edu.sock') });
process.on('disconnect', () => process.exit());
process.send?.('listening');
