// A program that requests and closes vectors while threads (native/test/storm.cc) signal these
// vectors. Some listeners throw. The program prints the number of lost and wrong deliveries.
//
//   node storm.js <storm.node> <vectors> <signals> <loop or poller> <seed>
import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import { openBench } from '../../bench/lib/host.js';
import { VFIO_IRQ_SET_DATA_EVENTFD, VFIO_PCI_MSIX_IRQ_INDEX } from '../../lib/contract/uapi.js';
import type { Vector } from '../../lib/index.js';

interface Storm {
  prepare(signals: Uint32Array): void;
  bind(vector: number, eventfd: number): void;
  start(signals: number, threads: number, seed: number): void;
  left(): number;
  join(): void;
}

/** The result, which the program prints as one line of JSON. */
export interface StormResult {
  /** Signals that the threads make. */
  signals: number;
  deliveries: number;
  thrown: number;
  uncaught: number;
  opened: number;
  closed: number;
  /** Vectors whose last signal reached no listener. */
  lost: number;
  /** Deliveries to a closed vector. */
  afterClose: number;
  /** Deliveries to a vector that was not signalled. */
  spurious: number;
}

const [, , path = '', vectors = '', total = '', mode = '', seed = ''] = process.argv;
const THREADS = 2;
const count = Number(vectors);
const storm = createRequire(import.meta.url)(path) as Storm;
const signals = new Uint32Array(count);
const seen = new Uint32Array(count);
const open: (Vector | undefined)[] = new Array<undefined>(count).fill(undefined);
const result: StormResult = {
  signals: Number(total),
  deliveries: 0,
  thrown: 0,
  uncaught: 0,
  opened: 0,
  closed: 0,
  lost: 0,
  afterClose: 0,
  spurious: 0,
};

let state = Number(seed) | 1;
/** Returns a pseudorandom number from 0 to n - 1 (xorshift32). */
function random(n: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}

function request(number: number): void {
  const vector = device.interrupts.msix.request(number);
  open[number] = vector;
  seen[number] = 0;
  result.opened++;
  vector.on('interrupt', () => {
    result.deliveries++;
    if (vector.closed) result.afterClose++;
    seen[number] = Atomics.load(signals, number);
    if (seen[number] === 0) result.spurious++;
    // Sometimes the listener closes a vector, requests a vector, or throws an error.
    if (random(200) === 0) churn(random(4) === 0 ? number : random(count));
    if (random(20) === 0) {
      result.thrown++;
      throw new Error('error thrown by a listener');
    }
  });
}

function churn(number: number): void {
  const vector = open[number];
  if (vector === undefined) {
    request(number);
    return;
  }
  open[number] = undefined;
  vector.close();
  result.closed++;
  // In three of four cases, request the closed vector again at once.
  if (random(4) !== 0) request(number);
}

process.on('uncaughtException', (error) => {
  if (error.message !== 'error thrown by a listener') throw error;
  result.uncaught++;
});

storm.prepare(signals);
const bench = openBench(count, {
  deviceSetIrqs: (_fd, _argsz, flags, index, start, n, data) => {
    if (index !== VFIO_PCI_MSIX_IRQ_INDEX || (flags & VFIO_IRQ_SET_DATA_EVENTFD) === 0) return 0;
    const view = new DataView(data.buffer, data.byteOffset);
    for (let i = 0; i < n; i++) storm.bind(start + i, view.getInt32(4 * i, true));
    return 0;
  },
});
const { device } = bench;
for (let number = 0; number < count; number++) request(number);
storm.start(result.signals, THREADS, Number(seed));

if (mode === 'loop') {
  for (let turn = 0; storm.left() > 0; turn++) {
    if (turn % 16 === 0) churn(random(count));
    await setImmediate();
  }
} else {
  using poller = device.interrupts.poll();
  for (let turn = 0; storm.left() > 0; turn++) {
    if (turn % 16 === 0) churn(random(count));
    deliver(() => poller.wait(1));
  }
}
storm.join();

// The threads have stopped. Deliver all pending interrupts. The listeners can still close and
// request vectors.
{
  using poller = device.interrupts.poll();
  let before: number;
  do {
    before = result.deliveries;
    deliver(() => poller.spin(0));
  } while (result.deliveries > before);
}
for (let number = 0; number < count; number++) {
  if (open[number] !== undefined && seen[number] !== Atomics.load(signals, number)) result.lost++;
}
bench.close();
console.log(JSON.stringify(result));

/** Polls once, and counts the listener errors that the poller throws. */
function deliver(poll: () => unknown): void {
  try {
    poll();
  } catch (error) {
    result.uncaught += error instanceof AggregateError ? error.errors.length : 1;
  }
}
