// Runs the test suite in a copy of the project. The addon of the copy is built with other compiler
// flags.
import { cpSync, existsSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, run, withFolder } from './run.mjs';

/** Percentage of the lines of lib/ that the tests must cover. */
const MIN_COVERAGE = 90;
/**
 * Files and folders that are not copied: build output, and folders that are not part of the
 * project.
 */
const NOT_COPIED = /^(node_modules|build.*|\.git)$/;

/**
 * Copies the project to a temporary folder, builds the copy's addon with additional flags, and
 * calls the function `use` with the folder.
 */
function withCopy(flags, use) {
  return withFolder(async (folder) => {
    for (const name of readdirSync(root).filter((one) => !NOT_COPIED.test(one))) {
      cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const prefix = dirname(dirname(process.execPath));
    const local = existsSync(join(prefix, 'include/node/node_api.h'));
    const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js');
    const args = [gyp, 'rebuild', '--loglevel=error', ...(local ? [`--nodedir=${prefix}`] : [])];
    const env = { CXXFLAGS: flags.join(' '), LDFLAGS: flags.join(' ') };
    await run(process.execPath, args, { cwd: folder, env, show: false });
    return await use(folder);
  });
}

function suite(folder, env, ...before) {
  const ava = 'node_modules/ava/entrypoints/cli.mjs';
  const [program, ...args] = [...before, process.execPath, ava, '--timeout=20m'];
  return run(program, args, { cwd: folder, env });
}

const passed = (output) => `${/(\d+) tests? passed/.exec(output)?.[1] ?? 0} tests`;

/**
 * Copies the project, and builds the copy's addon with AddressSanitizer and
 * UndefinedBehaviorSanitizer. Calls the function `use` with the folder and the environment for the
 * tests. Leak detection is off, because Node does not free its memory at exit. The check `leaks`
 * finds memory leaks.
 */
export function withSanitizers(use) {
  const flags = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-g', '-O1'];
  return withCopy([...flags, '-fno-omit-frame-pointer'], async (folder) => {
    const libraries = [];
    for (const name of ['libasan.so', 'libubsan.so']) {
      libraries.push((await run('g++', [`-print-file-name=${name}`], { show: false })).trim());
    }
    return use(folder, {
      LD_PRELOAD: libraries.join(':'),
      // The sanitizer must not handle SIGBUS, because a fault outside of a window must end the
      // process. AddressSanitizer keeps freed memory in a quarantine. The quarantine is small,
      // because the memory tests would count a large quarantine as a leak.
      ASAN_OPTIONS: 'detect_leaks=0:use_sigaltstack=0:handle_sigbus=0:quarantine_size_mb=16',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    });
  });
}

/** Runs the suite with the sanitizers. */
export function sanitize() {
  return withSanitizers(async (folder, env) => passed(await suite(folder, env)));
}

/** Measures the lines that the test suite covers. V8 measures lib/, and gcov measures native/. */
export function coverage() {
  return withCopy(['--coverage', '-O1'], async (folder) => {
    const c8 = [
      ...[
        process.execPath,
        'node_modules/c8/bin/c8.js',
        '--check-coverage',
        `--lines=${MIN_COVERAGE}`,
      ],
      ...['--reporter=text-summary', '--all', '--src=lib', '--include=dist/lib/**/*.{js,mjs}'],
    ];
    const output = await suite(folder, {}, ...c8);
    const lines = /^Lines\s*:\s*([\d.]+)%/m.exec(output)?.[1];
    return `covered lines: lib/ ${lines} %, native/ ${await nativeLines(folder)} %`;
  });
}

async function nativeLines(folder) {
  const objects = join(folder, 'build/Release/obj.target/vfio/native');
  let executed = 0;
  let all = 0;
  for (const room of ['addon', 'core']) {
    const data = readdirSync(join(objects, room)).filter((name) => name.endsWith('.gcda'));
    const args = ['-n', ...data.map((name) => join(objects, room, name))];
    const report = await run('gcov', args, { cwd: folder, show: false });
    const pattern = /File '(?:.*\/)?(native\/\w+\/[\w.]+)'\nLines executed:([\d.]+)% of (\d+)/g;
    const files = new Map();
    for (const [, file, percent, count] of report.matchAll(pattern)) {
      const reached = Math.round((Number(percent) * Number(count)) / 100);
      // gcov reports a header once for each file that includes the header. The function uses the
      // highest percentage of each header.
      if (reached < (files.get(file)?.reached ?? 0)) continue;
      files.set(file, { reached, count: Number(count) });
    }
    for (const { reached, count } of files.values()) {
      executed += reached;
      all += count;
    }
  }
  return ((100 * executed) / all).toFixed(1);
}
