// ava for the tests of the lab itself: each starts guests of its own.
export default {
  files: [
    'dist/test/lab/host/**/*.test.js',
    // Half a minute of its own.
    ...(process.env.VFIO_TEST_FULL ? [] : ['!dist/test/lab/host/faulty.test.js']),
  ],
  workerThreads: false,
  concurrency: 1,
  serial: true,
  timeout: '10m',
};
