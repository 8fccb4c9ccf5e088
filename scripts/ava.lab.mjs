// ava configuration in the lab's guest. The tests share the devices of the guest, so the tests run
// one by one.
export default {
  files: [
    // scripts/test-lab.mjs runs these tests only once, in a guest that has more devices.
    ...(process.env.VFIO_TEST_ONCE ? ['dist/test/lab/once/**/*.test.js'] : []),
    'dist/test/lab/guest/**/*.test.js',
    'dist/test/contract/**/*.test.js',
    // Slow tests with processes, workers or repeated demos run only in the full test run.
    ...(process.env.VFIO_TEST_FULL
      ? []
      : [
          '!dist/test/contract/endings.test.js',
          '!dist/test/contract/lifetimes.test.js',
          '!dist/test/lab/guest/record.test.js',
        ]),
  ],
  workerThreads: false,
  nodeArguments: ['--expose-gc'],
  concurrency: 1,
  serial: true,
  // An emulated CPU is about ten times slower.
  timeout: '10m',
};
