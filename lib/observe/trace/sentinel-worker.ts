/** The thread of a {@link Sentinel}. */
import { workerData, type MessagePort } from 'node:worker_threads';
import { native } from '../../native/binding.js';
import { now } from './clock.js';
import { CAPACITY, counterOf, type Request, type Seen } from './sentinel.js';

const { port, done } = workerData as { port: MessagePort; done: Int32Array };
const fired = new Uint32Array(CAPACITY);
const addon = native();
const set = addon.eventSetCreate(fired, new BigUint64Array(CAPACITY));
const fds = new Map<number, number>();

addon.eventSetServe(set, (n) => {
  const at = now();
  const seen: Seen[] = [];
  for (const slot of fired.subarray(0, n)) {
    seen.push({ slot, at, total: counterOf(fds.get(slot) ?? -1) });
  }
  port.postMessage(seen);
});

port.on('message', ({ what, slot, fd }: Request) => {
  if (what === 'add') {
    fds.set(slot, fd);
    addon.eventSetAdd(set, slot, fd, false);
  } else if (what === 'remove') {
    fds.delete(slot);
    addon.eventSetRemove(set, slot);
  }
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
});
