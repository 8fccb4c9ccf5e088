// Serves a mock device to the benchmark. The argument is the path of the socket.
import { serveDevice } from '../../lib/index.js';

await serveDevice('mock:nvme', { socket: process.argv[2] ?? '' });
process.on('disconnect', () => process.exit());
process.send?.('listening');
