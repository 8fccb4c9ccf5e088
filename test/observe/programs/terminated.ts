/** Uses a mock device in a worker, and terminates the worker while the device is open. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { openDevice } from '../../../lib/mock.js';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  await once(worker, 'message');
  await worker.terminate();
} else {
  const device = await openDevice('mock:edu');
  device.config.update('command', { memory: 1 });
  device.bar(0).map().read32(0);
  parentPort?.postMessage('used');
}
