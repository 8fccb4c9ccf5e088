// npm run bench:growth: measures whether the cost of an operation depends on the number of devices,
// vectors, mappings, windows and names, and on the size of files. The options are those of
// `npm run bench`.
import { runAsCommand } from '../lib/report.js';
import { deviceBenchmarks } from './devices.js';
import { fileBenchmarks } from './files.js';
import { memoryBenchmarks } from './memory.js';
import { vectorBenchmarks } from './vectors.js';
import { windowBenchmarks } from './windows.js';

await runAsCommand('growth', 'The cost of an operation, compared with the smallest size', [
  ...deviceBenchmarks(),
  ...vectorBenchmarks(),
  ...memoryBenchmarks(),
  ...windowBenchmarks(),
  ...(await fileBenchmarks()),
]);
process.exit();
