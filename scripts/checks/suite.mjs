// The whole test suite on an addon built in another way, in a copy of the project.
import { cpSync, existsSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, run, withFolder } from './run.mjs';

const FLOOR = 90;
const COPIED = ['assets', 'bench', 'binding.gyp', 'CMakeLists.txt', 'dist', 'docs', 'examples'];
const COPIED_TOO = [
  'lib',
  'native',
  'package.json',
  'README.md',
  'scripts',
  'test',
  'tsconfig.json',
];
const DOTS = ['.ci', '.clang-format', 'CHANGELOG.md'];

/** The project with the addon built by these flags as well. */
function withCopy(flags, use) {
  return withFolder((folder) => {
    for (const name of [...COPIED, ...COPIED_TOO, ...DOTS]) {
      if (existsSync(join(root, name)))
        cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const prefix = dirname(dirname(process.execPath));
    const nodedir = existsSync(join(prefix, 'include/node/node_api.h'))
      ? [`--nodedir=${prefix}`]
      : [];
    const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js');
    const env = { CXXFLAGS: flags.join(' '), LDFLAGS: flags.join(' ') };
    run(process.execPath, [gyp, 'rebuild', '--loglevel=error', ...nodedir], {
      cwd: folder,
      env,
      show: false,
    });
    return use(folder);
  });
}

function suite(folder, env, ...before) {
  const ava = 'node_modules/ava/entrypoints/cli.mjs';
  const [program, ...args] = [...before, process.execPath, ava, '--timeout=20m'];
  return run(program, args, { cwd: folder, env });
}

const passed = (output) => `${/(\d+) tests? passed/.exec(output)?.[1] ?? 0} tests`;

/**
 * AddressSanitizer and UndefinedBehaviorSanitizer of the addon. Node itself leaks at its end on
 * purpose, and every allocation of the addon has Node below it: leaks are what `leaks` is for.
 */
export function sanitize() {
  const flags = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-g', '-O1'];
  return withCopy([...flags, '-fno-omit-frame-pointer'], (folder) => {
    const libraries = ['libasan.so', 'libubsan.so'].map((name) =>
      run('g++', [`-print-file-name=${name}`], { show: false }).trim(),
    );
    const output = suite(folder, {
      LD_PRELOAD: libraries.join(':'),
      // Of its own alternative stack for signals nothing is wanted: the guard's handler runs on it.
      ASAN_OPTIONS: 'detect_leaks=0:use_sigaltstack=0:allow_user_segv_handler=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    });
    return passed(output);
  });
}

/** Lines of lib/ by V8, of native/ by gcov, while the suite runs. */
export function coverage() {
  return withCopy(['--coverage', '-O1'], (folder) => {
    const c8 = [
      ...[process.execPath, 'node_modules/c8/bin/c8.js', '--check-coverage', `--lines=${FLOOR}`],
      ...['--reporter=text-summary', '--all', '--src=lib', '--include=dist/lib/**/*.js'],
    ];
    const output = suite(folder, {}, ...c8);
    const lines = /^Lines\s*:\s*([\d.]+)%/m.exec(output)?.[1];
    return `lib/ ${lines} %, native/ ${nativeLines(folder)} % of lines`;
  });
}

function nativeLines(folder) {
  const objects = join(folder, 'build/Release/obj.target/vfio/native');
  let executed = 0;
  let all = 0;
  for (const room of ['addon', 'core']) {
    const files = readdirSync(join(objects, room)).filter((name) => name.endsWith('.gcda'));
    const args = ['-n', ...files.map((name) => join(objects, room, name))];
    const report = run('gcov', args, { cwd: folder, show: false });
    const pattern = /File '(?:.*\/)?(native\/\w+\/[\w.]+)'\nLines executed:([\d.]+)% of (\d+)/g;
    const files_ = new Map();
    for (const [, file, percent, count] of report.matchAll(pattern)) {
      // A header is told of for each file that includes it.
      const known = files_.get(file);
      const lines = Math.round((Number(percent) * Number(count)) / 100);
      if (known === undefined || known.lines < lines)
        files_.set(file, { lines, count: Number(count) });
    }
    for (const { lines, count } of files_.values()) {
      executed += lines;
      all += count;
    }
  }
  return ((100 * executed) / all).toFixed(1);
}
