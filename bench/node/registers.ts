// Measures the register benchmarks with the Node.js that runs this program, and prints JSON.
//   node registers.js <rounds>
import { openBench } from '../lib/host.js';
import { measure, type Result } from '../lib/measure.js';
import { registerBenchmarks } from '../paths/registers.js';

/** What one version of Node.js prints. */
export interface VersionResults {
  readonly node: string;
  readonly v8: string;
  readonly results: readonly Result[];
}

const rounds = Number(process.argv[2]);
const results: Result[] = [];
for (const benchmark of registerBenchmarks(openBench(1))) {
  results.push(await measure(benchmark, rounds));
}
const { node, v8 } = process.versions;
console.log(JSON.stringify({ node, v8, results } satisfies VersionResults));
process.exit();
