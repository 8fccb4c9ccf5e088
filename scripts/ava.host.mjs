// ava configuration for the tests of the lab itself. Each test starts its own guests.
export default {
  files: ['dist/test/lab/host/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  serial: true,
  timeout: '10m',
};
