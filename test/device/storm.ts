// A program that lets threads fire the vectors of a device (native/test/storm.cc) while it adds and
// closes vectors and its listeners throw, and prints what went wrong with the deliveries.
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

/** What is printed, as one line of JSON. */
export interface StormResult {
  /** What the threads did, and what came of it. */
  signals: number;
  deliveries: number;
  thrown: number;
  uncaught: number;
  opened: number;
  closed: number;
  /** Vectors whose last signal nobody has seen. */
  lost: number;
  /** Deliveries to a closed vector, and to one that had not been signalled. */
  afterClose: number;
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
/** xorshift32: 0 to n - 1. */
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
    // A listener that does what it likes: closes itself or another one, makes one, throws.
    if (random(200) === 0) churn(random(4) === 0 ? number : random(count));
    if (random(20) === 0) {
      result.thrown++;
      throw new Error('a listener that fails');
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
  // Its number goes to another eventfd at once, or later.
  if (random(4) !== 0) request(number);
}

process.on('uncaughtException', (error) => {
  if (error.message !== 'a listener that fails') throw error;
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

// All has been signalled. What is left is there at once, but may close and make vectors.
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

/** By hand, what listeners throw is thrown to the caller. */
function deliver(poll: () => unknown): void {
  try {
    poll();
  } catch (error) {
    result.uncaught += error instanceof AggregateError ? error.errors.length : 1;
  }
}
