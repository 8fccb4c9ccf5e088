// ava for the example of a unit test, which npm test runs as a user would.
export default {
  files: ['dist/examples/**/*.ava.test.js'],
  workerThreads: false,
  // Beside all other tests of npm test: ava's own 10 s are too few on a machine with much to do.
  timeout: '5m',
};
