// ava for the tests of the lab itself: each starts guests of its own.
export default {
  files: ['dist/test/lab/host/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  serial: true,
  timeout: '10m',
};
