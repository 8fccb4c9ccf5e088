// ava on the host, for tests that start guests and act on them from outside: one at a time.
export default {
  files: ['dist/test/lab-host/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  serial: true,
  timeout: '10m',
};
