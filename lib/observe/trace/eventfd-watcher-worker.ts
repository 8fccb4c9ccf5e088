/** The code that runs in the thread of an {@link EventfdWatcher}. */
import { workerData, type MessagePort } from 'node:worker_threads';
import { native } from '../../native/binding.js';
import { now } from './clock.js';
import { CAPACITY, readCounter, type Request, type SeenSignal } from './eventfd-watcher.js';

const { port, handled } = workerData as { port: MessagePort; handled: Int32Array };
const fired = new Uint32Array(CAPACITY);
const addon = native();
const set = addon.eventSetCreate(fired, new BigUint64Array(CAPACITY));
const freeSlots = Array.from({ length: CAPACITY }, (_, slot) => slot);
/** The watch in each used slot. */
const watches = new Map<number, Request>();

addon.eventSetServe(set, (n) => {
  const at = now();
  const seen: SeenSignal[] = [];
  for (const slot of fired.subarray(0, n)) {
    const { watch, fd } = watches.get(slot) ?? {};
    if (watch !== undefined) seen.push({ watch, at, total: readCounter(fd ?? -1) });
  }
  port.postMessage(seen);
});

function add(request: Request): void {
  const slot = freeSlots.pop();
  if (slot === undefined) return;
  try {
    addon.eventSetObserve(set, slot, request.fd);
    watches.set(slot, request);
  } catch {
    // The program has already closed the eventfd, or no file descriptor is left.
    freeSlots.push(slot);
  }
}

function remove({ watch }: Request): void {
  for (const [slot, request] of watches) {
    if (request.watch !== watch) continue;
    addon.eventSetRemove(set, slot);
    watches.delete(slot);
    freeSlots.push(slot);
  }
}

port.on('message', (request: Request) => {
  if (request.command === 'add') add(request);
  else if (request.command === 'remove') remove(request);
  Atomics.add(handled, 0, 1);
  Atomics.notify(handled, 0);
});
