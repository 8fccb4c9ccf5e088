import type { PciDevice, Vector } from 'vfio';
import { NvmeController } from '../../lib/demo/nvme/controller.js';
import { PAGE_SIZE } from '../../lib/demo/nvme/registers.js';
import { now, Rounds, warmUp } from './clock.js';
import { Reader } from './reader.js';

const ENTRIES = 64;
const DEPTHS = [1, 8, 32] as const;
/**
 * Numbers of reads at a time. The largest number comes first, because code that V8 optimized for
 * one read at a time is slower for many reads.
 */
const DEEPEST_FIRST = DEPTHS.toReversed();
const READS = 2000;
const EMPTY = 1_000_000;

/** Does the same work as bench/c/lab/nvme.c. The driver of `vfio demo` starts the controller. */
export async function measureNvme(device: PciDevice): Promise<void> {
  await withReader(device, false, async (reader, vector) => {
    reader.numberPages();
    for (const depth of DEPTHS) await byListener(reader, vector, depth);
    // From here on, the poller delivers the interrupts, and the event loop delivers none.
    vector?.removeAllListeners('interrupt').on('interrupt', () => reader.drain());
    for (const depth of DEPTHS) await byPoller(device, reader, depth);
  });
  await withReader(device, true, async (reader) => {
    for (const depth of DEEPEST_FIRST) await polled(reader, depth);
  });
}

async function withReader(
  device: PciDevice,
  isPolled: boolean,
  run: (reader: Reader, vector: Vector | null) => Promise<void>,
): Promise<void> {
  const controller = await NvmeController.start(device);
  const [io] = await controller.createIoQueues(1, ENTRIES, { polled: isPolled });
  if (io === undefined) throw new Error('no queue');
  const data = controller.allocate(Math.max(...DEPTHS) * PAGE_SIZE);
  // The reader consumes the completions, so the listener of the queue is removed.
  io.vector?.removeAllListeners('interrupt');
  await run(new Reader(io.queue.ring, data), io.vector);
  await controller.stop();
}

async function byListener(reader: Reader, vector: Vector | null, depth: number): Promise<void> {
  let done: () => void = () => undefined;
  vector?.removeAllListeners('interrupt').on('interrupt', () => {
    reader.drain();
    if (reader.done >= READS) done();
  });
  await measure('vfio', `NVMe reads, depth ${depth}, by interrupt`, () => {
    return new Promise((resolve) => {
      done = () => {
        resolve(0);
      };
      reader.begin(READS, depth);
    });
  });
}

async function byPoller(device: PciDevice, reader: Reader, depth: number): Promise<void> {
  using poller = device.interrupts.poll();
  await measure('vfio, poller', `NVMe reads, depth ${depth}, by interrupt`, () => {
    reader.begin(READS, depth);
    while (reader.done < READS) poller.wait();
    return 0;
  });
}

async function polled(reader: Reader, depth: number): Promise<void> {
  /**
   * Drains the queue until all reads are done.
   * @returns the number of empty drains, at most `maxEmpty`
   */
  const drainAll = (maxEmpty: number): number => {
    let empty = 0;
    while (reader.done < READS && empty < maxEmpty) if (reader.drain() === 0) empty++;
    return empty;
  };
  const emptyCost = () => {
    reader.done = 0;
    const start = now();
    drainAll(EMPTY);
    return (now().cpu - start.cpu) / EMPTY;
  };
  const run = () => {
    reader.begin(READS, depth);
    return drainAll(Infinity);
  };
  await measure('vfio', `NVMe reads, depth ${depth}, polled`, run, emptyCost);
}

/**
 * Measures reads. An empty drain only waits, so the CPU time of empty drains is subtracted.
 * @param run - does {@link READS} reads and returns the number of empty drains
 * @param emptyCost - measures the CPU time of an empty drain, in nanoseconds
 */
async function measure(
  who: string,
  path: string,
  run: () => number | Promise<number>,
  emptyCost = () => 0,
): Promise<void> {
  await warmUp(run, 5);
  const cost = emptyCost();
  const rounds = new Rounds();
  while (!rounds.complete) {
    const start = now();
    rounds.done(start, READS, cost * (await run()));
  }
  rounds.report(path, who);
}
