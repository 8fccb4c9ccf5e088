// ava inside the lab's guest. The tests share the guest's devices: one at a time.
export default {
  files: [
    // A run of their own, with more devices: scripts/test-lab.mjs.
    ...(process.env.VFIO_TEST_ONCE ? ['dist/test/lab/once/**/*.test.js'] : []),
    'dist/test/lab/guest/**/*.test.js',
    'dist/test/contract/**/*.test.js',
    // What takes seconds, processes and workers and demos that are done again: in the full run.
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
  // An emulated CPU takes ten times as long.
  timeout: '10m',
};
