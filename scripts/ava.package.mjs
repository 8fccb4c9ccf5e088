// ava configuration for the tests of the published package. The tests install packages and compile
// the addon.
export default {
  files: ['dist/test/package/**/*.test.js'],
  workerThreads: false,
  timeout: '30m',
};
