// Checks of native/. Runs clang-tidy, and runs the native test programs under valgrind and with
// ThreadSanitizer.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { run, sources, withFolder } from './run.mjs';

function headers() {
  const require = createRequire(import.meta.url);
  const beside = join(dirname(dirname(process.execPath)), 'include/node');
  if (!existsSync(beside)) throw new Error(`the headers of Node are missing: ${beside}`);
  return [require('node-addon-api').include_dir, beside];
}

async function build(folder, name, flags) {
  const program = join(folder, name);
  const files = [...sources('core'), `native/test/${name}.cc`, 'native/test/fake_ioctl.cc'];
  await run(process.env.CXX ?? 'g++', [
    ...['-std=c++17', '-g', '-O1', '-Wall', '-Wextra', '-Werror', '-pthread'],
    ...[...flags, '-o', program, ...files],
  ]);
  return program;
}

/** Runs clang-tidy with the checks of .clang-tidy and with the compiler warnings of clang. */
export async function tidy() {
  const files = sources('core', 'addon', 'fuzz');
  const includes = headers().flatMap((path) => ['-isystem', path]);
  const defines = ['-DNAPI_VERSION=9', '-DNAPI_CPP_EXCEPTIONS', '-DTARGET=FuzzInfo'];
  const flags = ['-std=c++17', '-Wall', '-Wextra', ...includes, ...defines];
  await run('clang-tidy', ['--quiet', '--warnings-as-errors=*', ...files, '--', ...flags]);
  return `${files.length} files`;
}

/**
 * Uses valgrind to find memory leaks and reads of uninitialized memory. The tests of the guard do
 * not run, because their SIGBUS faults end valgrind.
 */
export function leaks() {
  const options = ['--leak-check=full', '--errors-for-leak-kinds=definite,possible'];
  return testEach(['core_test', 'threads_test'], [], (program) =>
    run('valgrind', ['-q', ...options, '--error-exitcode=9', program], {
      env: { VFIO_TEST_VALGRIND: '1' },
    }),
  );
}

/** Finds data races between threads. */
export function threads() {
  return testEach(['guard_test', 'threads_test'], ['-fsanitize=thread'], (program) =>
    run(program, [], { env: { TSAN_OPTIONS: 'halt_on_error=1' } }),
  );
}

/**
 * Builds and runs each test program. A forked child process prints lines of its parent again, so
 * equal lines count only once.
 * @returns the number of passed tests
 */
function testEach(names, flags, test) {
  return withFolder(async (folder) => {
    const passed = new Set();
    for (const name of names) {
      const output = await test(await build(folder, name, flags));
      for (const line of output.match(/^ok .*$/gm) ?? []) passed.add(line);
    }
    return `${passed.size} tests`;
  });
}
