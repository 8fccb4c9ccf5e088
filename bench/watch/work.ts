import type { PciDevice, Vector } from 'vfio';
import { NvmeController } from '../../lib/demo/nvme/controller.js';
import { PAGE_SIZE } from '../../lib/demo/nvme/registers.js';
import { Reader } from '../lab/reader.js';

const VERSION = 0x08;
/** INTMS: a write of 0 masks no interrupt. */
const MASK_SET = 0x0c;
const ENTRIES = 64;
const DEPTHS = [1, 32] as const;
const BUFFER = 64 * 1024;

/** Work of a driver that is measured with and without an observer. */
export interface Work {
  readonly path: string;
  /** Number of operations in one run. */
  readonly operations: number;
  readonly run: () => unknown;
}

/** The work of a driver of an NVMe controller, on a mock device or on a real device. */
export async function* worksOf(device: PciDevice): AsyncGenerator<Work> {
  device.config.update('command', { memory: 1, bus_master: 1 });
  const registers = device.bar(0).map();
  yield repeated('read32, the same value', 5000, () => registers.read32(VERSION));
  let offset = 0;
  yield repeated('read32, other registers', 5000, () => registers.read32((offset ^= 8)));
  yield repeated('write32', 2000, () => {
    registers.write32(MASK_SET, 0);
  });
  yield repeated('config.read32', 2000, () => device.config.read32(0));
  yield repeated('DMA memory of 64 KiB', 50, () => {
    device.dma.allocateSync(BUFFER).free();
  });
  {
    using vector = device.interrupts.msix.request(0);
    yield loopback(vector);
  }
  const controller = await NvmeController.start(device);
  const [io] = await controller.createIoQueues(1, ENTRIES);
  if (io === undefined) throw new Error('no queue');
  const data = controller.allocate(Math.max(...DEPTHS) * PAGE_SIZE);
  // The reader consumes the completions, so the listener of the queue is removed.
  io.vector?.removeAllListeners('interrupt');
  const reader = new Reader(io.queue.ring, data);
  reader.numberPages();
  for (const depth of DEPTHS) yield reads(reader, io.vector, depth);
  await controller.stop();
}

function repeated(path: string, operations: number, operation: () => unknown): Work {
  return {
    path,
    operations,
    run: () => {
      for (let i = 0; i < operations; i++) operation();
    },
  };
}

/** Each interrupt triggers the next interrupt. */
function loopback(vector: Vector): Work {
  const operations = 200;
  let left = 0;
  let done: () => void = () => undefined;
  vector.on('interrupt', () => {
    if (--left === 0) done();
    else vector.trigger();
  });
  const run = () =>
    new Promise<void>((resolve) => {
      left = operations;
      done = resolve;
      vector.trigger();
    });
  return { path: 'an interrupt, by SET_IRQS', operations, run };
}

/** Reads of 4 KiB. The listener of the interrupt submits the next reads. */
function reads(reader: Reader, vector: Vector | null, depth: number): Work {
  const operations = depth === 1 ? 300 : 2000;
  const run = () =>
    new Promise<void>((resolve) => {
      vector?.removeAllListeners('interrupt').on('interrupt', () => {
        reader.drain();
        if (reader.done >= operations) resolve();
      });
      reader.begin(operations, depth);
    });
  return { path: `NVMe reads, depth ${depth}`, operations, run };
}
