// ava for the example of a unit test, which npm test runs as a user would.
export default { files: ['dist/examples/**/*.ava.test.js'], workerThreads: false };
