import { availableParallelism } from 'node:os';

/** ava configuration for `npm test`. */
export default {
  files: ['dist/test/**/*.test.js', '!dist/test/lab/{guest,host,once}/**', '!dist/test/package/**'],
  workerThreads: false,
  nodeArguments: ['--expose-gc'],
  // Some tests wait most of the time, so one more file than CPUs runs at a time.
  concurrency: availableParallelism() + 1,
  timeout: '5m',
};
