// npm run bench: compares every hot path of the public API with a C loop in the same process and
// round.
import { openBench } from './lib/host.js';
import { runAsCommand } from './lib/report.js';
import { driverTestBenchmarks } from './paths/driver-test.js';
import { fileBenchmarks } from './paths/files.js';
import { latencyBenchmarks } from './paths/latency.js';
import { memoryBenchmarks } from './paths/memory.js';
import { namedRegisterBenchmarks } from './paths/named-registers.js';
import { partBenchmarks } from './paths/parts.js';
import { peerBenchmarks } from './paths/peers.js';
import { registerBenchmarks } from './paths/registers.js';
import { roundBenchmarks } from './paths/rounds.js';
import { virtualMsixBenchmarks } from './paths/virtual-msix.js';

const bench = openBench(1);
const paths = [...registerBenchmarks(bench), ...fileBenchmarks(bench), ...roundBenchmarks()];
await runAsCommand('performance', 'vfio compared with C in the same process', [
  ...paths,
  ...namedRegisterBenchmarks(bench),
  ...partBenchmarks(),
  ...latencyBenchmarks(),
  ...memoryBenchmarks(bench),
  ...virtualMsixBenchmarks(),
  ...driverTestBenchmarks(),
  ...peerBenchmarks(paths),
]);
process.exit();
