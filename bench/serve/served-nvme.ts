/** Serves mock:nvme to bench/serve. Sends the CPU time that each client has used. */
import { serveDevice } from '../../lib/index.js';

const server = await serveDevice('mock:nvme', { socket: process.argv[2] ?? '' });
let before = process.cpuUsage();
server.on('client', () => {
  before = process.cpuUsage();
});
server.on('gone', () => {
  const { user, system } = process.cpuUsage(before);
  process.send?.({ cpu: user + system });
});
process.on('disconnect', () => void server.close());
process.send?.('ready');
