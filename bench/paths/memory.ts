import type { DmaOptions } from '../../lib/index.js';
import { native } from '../../lib/native/binding.js';
import { helper, timed } from '../lib/helper.js';
import type { Bench } from '../lib/host.js';
import type { Benchmark, Contender } from '../lib/measure.js';

const MIB = 2 ** 20;
const SIZES = [
  [2 * MIB, 4],
  [64 * MIB, 1],
] as const;
/** The argument of `memoryAllocate` for transparent huge pages. */
const TRANSPARENT_HUGE_PAGES = -1;
const PIECE = 4096;
const PIECES = 10_000;

/**
 * The benchmarks of DMA memory. The benchmarks make no ioctl, because an ioctl takes the same time
 * in every program.
 */
export function memoryBenchmarks({ device }: Bench): Benchmark[] {
  const { dma } = device;
  // Node frees the memory of a detached ArrayBuffer in a later turn of the event loop.
  const ours = (size: number, turns: number, options: DmaOptions) => async () => {
    const start = helper.threadTime();
    for (let turn = 0; turn < turns; turn++) {
      dma.allocateSync(size, options).free();
      await twoTurns();
    }
    return (helper.threadTime() - start) / turns;
  };
  const byAddon = (size: number, turns: number) => async () => {
    const start = helper.threadTime();
    for (let turn = 0; turn < turns; turn++) {
      const memory = native().memoryAllocate(size, TRANSPARENT_HUGE_PAGES);
      native().memoryRelease(memory.handle, memory.buffer);
      await twoTurns();
    }
    return (helper.threadTime() - start) / turns;
  };
  const onlyTurns = (turns: number) => async () => {
    const start = helper.threadTime();
    for (let turn = 0; turn < turns; turn++) await twoTurns();
    return (helper.threadTime() - start) / turns;
  };
  const buffer = dma.allocateSync(2 * MIB, { hugePages: true });
  let last: Uint8Array | undefined;
  const pieces: Contender = {
    name: 'new Uint8Array',
    run: () =>
      timed(PIECES, () => {
        for (let i = 0; i < PIECES; i++) {
          const offset = (i % 512) * PIECE;
          last = new Uint8Array(buffer.buffer, offset, PIECE);
        }
        if (last?.length !== PIECE) throw new Error(`the view is not ${PIECE} bytes long`);
      }),
  };
  return [
    ...SIZES.map(([size, turns]): Benchmark => {
      return {
        title: `DMA memory of ${size / MIB} MiB`,
        unit: 'ns',
        contenders: [
          { name: 'C', run: () => helper.createAndFree(size, false, turns) },
          { name: 'C, huge', run: () => helper.createAndFree(size, true, turns) },
          { name: 'vfio', run: ours(size, turns, {}) },
          { name: 'vfio, huge', run: ours(size, turns, { hugePages: true }) },
          { name: 'addon, huge', run: byAddon(size, turns) },
          { name: 'two turns of the loop', run: onlyTurns(turns) },
        ],
        goals: [
          { of: 'vfio', to: 'C', atMost: 1.25 },
          { of: 'vfio, huge', to: 'C, huge', atMost: 1.25 },
          { of: 'vfio, huge', to: 'vfio', atMost: 0.25 },
          { of: 'addon, huge', to: 'C, huge' },
          { of: 'two turns of the loop', to: 'C, huge' },
        ],
      };
    }),
    {
      title: 'part of a DMA buffer',
      unit: 'ns',
      contenders: [pieces],
      goals: [{ of: pieces.name, atMost: 100 }],
    },
  ];
}

function twoTurns(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
