// ava for the tests of the package as npm publishes it. They install and compile.
export default {
  files: ['dist/test/package/**/*.test.js'],
  workerThreads: false,
  timeout: '30m',
};
