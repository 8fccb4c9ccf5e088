/**
 * A driver in a worker thread. The worker sleeps in the kernel until an interrupt arrives. The main
 * thread never waits for the device. Both threads share the DMA memory.
 *
 *   npx tsx node_modules/vfio/examples/worker.ts [device]     default: mock:edu
 *
 * On Node.js 20, tsx does not load TypeScript in a worker: use Node.js 22 or newer.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { defineRegisters, openDevice } from 'vfio';

const edu = defineRegisters('edu', {
  factorial: { offset: 0x08, width: 4 },
  status: { offset: 0x20, width: 4, fields: { raise: 7 } },
  interrupts: { offset: 0x24, width: 4, access: 'ro' },
  acknowledge: { offset: 0x64, width: 4, access: 'wo' },
  source: { offset: 0x80, width: 8 },
  destination: { offset: 0x88, width: 8 },
  count: { offset: 0x90, width: 8 },
  command: { offset: 0x98, width: 8, fields: { start: 0, raise: 2 } },
});
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
  using window = device.bar(0).map();
  const registers = edu.on(window);
  device.interrupts.msi.request(0).on('interrupt', () => {
    registers.acknowledge.value = registers.interrupts.value;
  });
  // While the poller is open, the event loop of this thread delivers no interrupt.
  using poller = device.interrupts.poll();
  const wait = () => {
    if (poller.wait(10_000) === 0) throw new Error('the device sent no interrupt within 10 s');
  };

  const results: number[] = [];
  for (const n of numbers) {
    registers.status.write({ raise: 1 });
    registers.factorial.value = n;
    wait();
    results.push(registers.factorial.value);
  }

  // The device reads the bytes that the main thread wrote.
  using buffer = await device.dma.map(shared, { access: 'read' });
  registers.source.value = buffer.iova;
  registers.destination.value = INNER;
  registers.count.value = 64n;
  registers.command.write({ start: 1, raise: 1 });
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
