import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { helper } from '../lib/helper.js';
import { openBench, requestVectors } from '../lib/host.js';
import type { Benchmark } from '../lib/measure.js';

const FEW = 64;
const MANY = 2048;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/**
 * The benchmarks of the cost of a vector, on a device with few vectors and on a device with many
 * vectors. If the total cost is linear, both results are equal.
 */
export function openingBenchmarks(): Benchmark[] {
  const few = `${FEW} vectors`;
  const many = `${MANY} vectors`;
  const goals = [{ of: many, to: few, atMost: 1.1 }];
  return [
    {
      title: 'a vector requested, and closed with its device',
      unit: 'ns',
      contenders: [
        { name: few, run: () => timeOf(FEW) },
        { name: many, run: () => timeOf(MANY) },
      ],
      goals,
    },
    {
      title: 'memory of a vector',
      unit: 'bytes',
      contenders: [
        { name: few, run: () => memoryOf(FEW) },
        { name: many, run: () => memoryOf(MANY) },
      ],
      goals,
    },
  ];
}

/**
 * CPU time per vector, in nanoseconds. Each measurement requests {@link MANY} vectors in total, on
 * one device or on several devices.
 */
function timeOf(vectors: number): number {
  let spent = 0;
  for (let done = 0; done < MANY; done += vectors) {
    const bench = openBench(vectors);
    const start = helper.threadTime();
    requestVectors(bench.device, vectors);
    bench.device.close();
    spent += helper.threadTime() - start;
    bench.close();
  }
  return spent / MANY;
}

/** Bytes of the JavaScript heap per vector. */
function memoryOf(vectors: number): number {
  const bench = openBench(vectors);
  collect();
  const { heapUsed } = process.memoryUsage();
  requestVectors(bench.device, vectors);
  collect();
  const bytes = process.memoryUsage().heapUsed - heapUsed;
  bench.close();
  return bytes / vectors;
}
