// ava configuration for the unit test example, which npm test runs as a user does.
export default {
  files: ['dist/examples/**/*.ava.test.js'],
  workerThreads: false,
  // The run is beside all other tests of npm test, so ava's default of 10 s is too short.
  timeout: '5m',
};
