// ava configuration in the lab's guest. The tests share its devices, so they run one by one.
export default {
  files: [
    // scripts/test-lab.mjs runs these tests once, in a guest with more devices.
    ...(process.env.VFIO_TEST_ONCE ? ['dist/test/lab/once/**/*.test.js'] : []),
    'dist/test/lab/guest/**/*.test.js',
    'dist/test/contract/**/*.test.js',
    // Slow tests with processes, workers or repeated demos are only in the full run.
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
