/** The code that runs in the thread of an {@link EventfdWatcher}. */
import { workerData, type MessagePort } from 'node:worker_threads';
import { native } from '../../native/binding.js';
import { now } from './clock.js';
import { EventfdCounter } from './eventfd-counter.js';
import { CAPACITY, type Request } from './eventfd-watcher.js';
import { SeenSignals, type SeenSignalsMemory } from './seen-signals.js';

/** Maximum time between a signal and the message that wakes the program, in ms. */
const WAKE_DELAY_MS = 50;

interface Watched {
  readonly watch: number;
  readonly counter: EventfdCounter;
}

const { port, handled, memory } = workerData as {
  port: MessagePort;
  handled: Int32Array;
  memory: SeenSignalsMemory;
};
const seen = new SeenSignals(memory);
const fired = new Uint32Array(CAPACITY);
const addon = native();
const set = addon.eventSetCreate(fired, new BigUint64Array(CAPACITY));
const freeSlots = Array.from({ length: CAPACITY }, (_, slot) => slot);
/** The watch in each used slot. */
const watches = new Map<number, Watched>();
let isWakeDue = false;

addon.eventSetServe(set, (n) => {
  const at = now();
  for (let i = 0; i < n; i++) {
    const watched = watches.get(fired[i] ?? 0);
    if (watched === undefined) continue;
    const { watch, counter } = watched;
    seen.add(watch, at, counter.read());
  }
  wakeLater();
});

/**
 * Wakes the program by a message after a delay. If the program makes calls, the tracer reads the
 * signals at these calls, and no message is needed.
 */
function wakeLater(): void {
  if (isWakeDue) return;
  isWakeDue = true;
  setTimeout(() => {
    isWakeDue = false;
    if (seen.addWaiting() > 0) wakeLater();
    if (seen.size > 0) port.postMessage(null);
  }, WAKE_DELAY_MS);
}

function add({ watch, fd }: Request): void {
  const slot = freeSlots.pop();
  if (slot === undefined) return;
  try {
    addon.eventSetObserve(set, slot, fd);
    watches.set(slot, { watch, counter: new EventfdCounter(fd) });
  } catch {
    // The program has already closed the eventfd, or no file descriptor is left.
    freeSlots.push(slot);
  }
}

function remove({ watch }: Request): void {
  for (const [slot, watched] of watches) {
    if (watched.watch !== watch) continue;
    addon.eventSetRemove(set, slot);
    watched.counter.close();
    watches.delete(slot);
    freeSlots.push(slot);
  }
}

port.on('message', (request: Request) => {
  if (request.command === 'add') add(request);
  else if (request.command === 'remove') remove(request);
  Atomics.store(handled, 1, seen.addWaiting());
  Atomics.add(handled, 0, 1);
  Atomics.notify(handled, 0);
});
