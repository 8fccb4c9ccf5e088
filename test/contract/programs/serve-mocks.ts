// A process that serves the mock devices of the suite, because a client blocks its own thread. The
// argument is a folder for the sockets.
import { join } from 'node:path';
import { serveDevice } from '../../../lib/index.js';

const [, , folder = ''] = process.argv;
await serveDevice('mock:nvme', { socket: join(folder, 'nvme.sock') });
await serveDevice('mock:edu', { socket: join(folder, 'edu.sock') });
process.on('disconnect', () => process.exit());
process.send?.('listening');
