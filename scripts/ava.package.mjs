// ava configuration for the tests of the published package. The tests install and compile.
export default {
  files: ['dist/test/package/**/*.test.js'],
  workerThreads: false,
  timeout: '30m',
};
