import { openDeviceSync, type PciDevice } from 'vfio';
import { helper, timed } from '../lib/helper.js';
import { openBench } from '../lib/host.js';
import type { Benchmark } from '../lib/measure.js';
import { growth, type Sized } from './growth.js';

const PAGE = 4096;
const TURNS = 300;
/**
 * The numbers of buffers and mappings. The largest number is nearly the number that a container
 * allows (65,535 mappings) and that the limit of memory areas allows if no two buffers are adjacent.
 */
const SIZES = [10, 1000, 60_000];
/** If every second buffer is freed, each of the others needs a memory area of its own. */
const HALVED = [1000, 10_000, 100_000];
let mocks = 0;
/** The kernel back end and the mock. */
const OPENED = {
  kernel: () => {
    const bench = openBench(1);
    return {
      device: bench.device,
      close: () => {
        bench.close();
      },
    };
  },
  mock: () => {
    // iommufd has no limit of mappings. The label makes a separate device for each size.
    const device = openDeviceSync(`mock:edu#growth-${++mocks}?via=cdev`);
    return {
      device,
      close: () => {
        device.close();
      },
    };
  },
} as const;
type Name = keyof typeof OPENED;

/** The benchmarks of DMA memory while other DMA memory is mapped. */
export function memoryBenchmarks(): Benchmark[] {
  return (['kernel', 'mock'] as const).flatMap((name) => [
    growth({
      title: `${name}: a buffer of 4 KiB allocated and freed, by live buffers`,
      unit: 'us',
      sizes: SIZES,
      make: (size) => {
        const { device, close } = OPENED[name]();
        const live = Array.from({ length: size - 1 }, () => device.dma.allocateSync(PAGE));
        return {
          run: () => allocateAndFree(device),
          close: () => {
            live.length = 0;
            close();
          },
        };
      },
    }),
    growth({
      title: `${name}: shared memory mapped and unmapped, by mappings`,
      unit: 'us',
      sizes: SIZES,
      make: (size) => mapMany(name, size, false),
    }),
    growth({
      title: `${name}: shared memory mapped and unmapped, by mappings with gaps`,
      unit: 'us',
      sizes: SIZES,
      make: (size) => mapMany(name, size, true),
    }),
    growth({
      title: `${name}: every second mapping freed, by mappings`,
      unit: 'us',
      sizes: HALVED,
      make: (size) => ({ run: () => freeEverySecond(name, size) }),
    }),
  ]);
}

/** Node frees the memory of a detached ArrayBuffer in a later turn of the event loop. */
async function allocateAndFree({ dma }: PciDevice): Promise<number> {
  const start = helper.threadTime();
  for (let turn = 0; turn < TURNS; turn++) dma.allocateSync(PAGE).free();
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return (helper.threadTime() - start) / TURNS / 1000;
}

/** @param hasGaps - whether two free pages lie between neighbours, so that no gap fits */
function mapMany(name: Name, size: number, hasGaps: boolean): Sized {
  const { device, close } = OPENED[name]();
  const shared = createShared(PAGE);
  if (hasGaps)
    for (let i = 1; i < size; i++) device.dma.mapSync(shared, { iova: BigInt(3 * i * PAGE) });
  else for (let i = 1; i < size; i++) device.dma.mapSync(shared);
  const large = hasGaps ? createShared(4 * PAGE) : shared;
  return {
    run: () =>
      timed(TURNS, () => {
        for (let turn = 0; turn < TURNS; turn++) device.dma.mapSync(large).free();
      }) / 1000,
    close,
  };
}

/** @returns microseconds for one of the freed mappings */
function freeEverySecond(name: Name, size: number): number {
  const { device, close } = OPENED[name]();
  const shared = createShared(PAGE);
  const mappings = Array.from({ length: size }, () => device.dma.mapSync(shared));
  const freed = mappings.filter((_, i) => i % 2 === 0);
  const time = timed(freed.length, () => {
    for (const mapping of freed) mapping.free();
  });
  close();
  return time / 1000;
}

function createShared(size: number): SharedArrayBuffer {
  return new SharedArrayBuffer(size, { maxByteLength: size });
}
