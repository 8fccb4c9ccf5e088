// ava configuration for the unit test example. npm test runs the example with the same command as a
// user.
export default {
  files: ['dist/examples/**/*.ava.test.js'],
  workerThreads: false,
  // The example runs in parallel with all other tests of npm test, so ava's default timeout of 10 s
  // is too short.
  timeout: '5m',
};
