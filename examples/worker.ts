/**
 * A driver in a worker thread. The worker sleeps in the kernel until an interrupt arrives. The main
 * thread never waits for the device. Both threads share the DMA memory.
 *
 *   npx tsx node_modules/vfio/examples/worker.ts [device]     default: mock:edu
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openDevice } from 'vfio';

const FACTORIAL = 0x08;
const STATUS = 0x20;
const STATUS_RAISE = 0x80;
const INTERRUPT_STATUS = 0x24;
const ACKNOWLEDGE = 0x64;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const DMA_START_AND_RAISE = 5n;
const INNER = 0x40000n;
const PAGE = 4096;

interface Job {
  device: string;
  numbers: number[];
  shared: SharedArrayBuffer;
}

async function drive({ device: name, numbers, shared }: Job): Promise<void> {
  using device = await openDevice(name);
  device.config.update('command', { memory: 1, bus_master: 1 });
  using registers = device.bar(0).map();
  device.interrupts.msi.request(0).on('interrupt', () => {
    registers.write32(ACKNOWLEDGE, registers.read32(INTERRUPT_STATUS));
  });
  // While the poller is open, the event loop of this thread delivers no interrupt.
  using poller = device.interrupts.poll();
  const wait = () => {
    if (poller.wait(10_000) === 0) throw new Error('the device sent no interrupt within 10 s');
  };

  const results: number[] = [];
  for (const n of numbers) {
    registers.write32(STATUS, STATUS_RAISE);
    registers.write32(FACTORIAL, n);
    wait();
    results.push(registers.read32(FACTORIAL));
  }

  // The device reads the bytes that the main thread wrote.
  using buffer = await device.dma.map(shared, { access: 'read' });
  registers.write64(DMA_SOURCE, buffer.iova);
  registers.write64(DMA_DESTINATION, INNER);
  registers.write64(DMA_COUNT, 64n);
  registers.write64(DMA_COMMAND, DMA_START_AND_RAISE);
  wait();
  parentPort?.postMessage(results);
}

async function main(): Promise<void> {
  // The IOMMU maps whole pages, so the buffer must be page-aligned. With maxByteLength, V8 aligns
  // the buffer to a page.
  const shared = new SharedArrayBuffer(PAGE, { maxByteLength: PAGE });
  new Uint8Array(shared).fill(0x5a, 0, 64);
  const job: Job = { device: process.argv[2] ?? 'mock:edu', numbers: [3, 5, 7], shared };
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const [results] = (await once(worker, 'message')) as [number[]];
  clearInterval(timer);
  await once(worker, 'exit');
  console.log(`factorials from the worker: ${results.join(', ')}`);
  console.log(`the main thread ${ticks > 0 ? 'was not blocked' : 'was blocked'}`);
}

await (isMainThread ? main() : drive(workerData as Job));
