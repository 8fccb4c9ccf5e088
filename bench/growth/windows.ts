import { openBench } from '../lib/host.js';
import { timed } from '../lib/helper.js';
import type { Benchmark } from '../lib/measure.js';
import { growth } from './growth.js';

const PAGE = 4096;
const OPENS = 50;
const READS = 200_000;
const SIZES = [1, 64, 4096];

/** The benchmarks of a window while other windows of the device are open. */
export function windowBenchmarks(): Benchmark[] {
  return [
    growth({
      title: 'a window mapped and unmapped, by open windows',
      sizes: SIZES,
      make(size) {
        const { bar, close } = openWindows(size - 1);
        return {
          run: () =>
            timed(OPENS, () => {
              for (let i = 0; i < OPENS; i++) bar.map({ length: PAGE }).close();
            }),
          close,
        };
      },
    }),
    growth({
      title: 'read32, by open windows',
      sizes: SIZES,
      make(size) {
        const { windows, close } = openWindows(size);
        const [window] = windows;
        return {
          run: () =>
            timed(READS, () => {
              for (let i = 0; i < READS; i++) window?.read32(4);
            }),
          close,
        };
      },
    }),
  ];
}

function openWindows(count: number) {
  const bench = openBench(1);
  const bar = bench.device.bar(0);
  const windows = Array.from({ length: count }, () => bar.map({ length: PAGE }));
  return {
    bar,
    windows,
    close: () => {
      bench.close();
    },
  };
}
