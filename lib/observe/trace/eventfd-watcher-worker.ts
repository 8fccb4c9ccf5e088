/** The code that runs in the thread of an {@link EventfdWatcher}. */
import { workerData, type MessagePort } from 'node:worker_threads';
import { native } from '../../native/binding.js';
import { now } from './clock.js';
import { CAPACITY, readCounter, type Request, type SeenSignal } from './eventfd-watcher.js';

const { port, done } = workerData as { port: MessagePort; done: Int32Array };
const fired = new Uint32Array(CAPACITY);
const addon = native();
const set = addon.eventSetCreate(fired, new BigUint64Array(CAPACITY));
const fds = new Map<number, number>();

addon.eventSetServe(set, (n) => {
  const at = now();
  const seen: SeenSignal[] = [];
  for (const slot of fired.subarray(0, n)) {
    seen.push({ slot, at, total: readCounter(fds.get(slot) ?? -1) });
  }
  port.postMessage(seen);
});

port.on('message', ({ command, slot, fd }: Request) => {
  if (command === 'add') {
    fds.set(slot, fd);
    addon.eventSetAdd(set, slot, fd, false);
  } else if (command === 'remove') {
    fds.delete(slot);
    addon.eventSetRemove(set, slot);
  }
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
});
