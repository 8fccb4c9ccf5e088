// ava configuration for the tests in the lab's guest. The tests share the devices of the guest, so
// the tests run one by one.
export default {
  files: [
    // scripts/test-lab.mjs runs these tests only once, in a guest that has more devices.
    ...(process.env.VFIO_TEST_ONCE ? ['dist/test/lab/once/**/*.test.js'] : []),
    'dist/test/lab/guest/**/*.test.js',
    // The other tests of test/contract use no device of the guest.
    'dist/test/contract/suite.test.js',
    // Slow tests, which start processes or workers or repeat demos, run only in a full test run.
    ...(process.env.VFIO_TEST_FULL
      ? [
          'dist/test/contract/endings.test.js',
          'dist/test/contract/lifetimes.test.js',
          'dist/test/contract/served*.test.js',
        ]
      : ['!dist/test/lab/guest/record.test.js']),
  ],
  workerThreads: false,
  nodeArguments: ['--expose-gc'],
  concurrency: 1,
  serial: true,
  // The emulated CPU of the guest is about ten times slower than a real CPU.
  timeout: '10m',
};
