// Long fuzzer runs, with AddressSanitizer and UndefinedBehaviorSanitizer: native/fuzz runs with
// libFuzzer, and test/fuzz runs with fast-check. VFIO_FUZZ_RUNS multiplies the numbers of inputs.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run, sources, sum, withFolder } from './run.mjs';
import { withSanitizers } from './suite.mjs';

const RUNS = {
  FuzzInfo: 1_500_000,
  FuzzEventSet: 400_000,
  FuzzWindow: 150_000,
  FuzzMessages: 4_500_000,
};

async function native(folder, target, runs) {
  const program = join(folder, target);
  const sanitize = '-fsanitize=fuzzer,address,undefined';
  const files = sources('core', 'fuzz').filter((file) => !file.endsWith('standalone.cc'));
  await run('clang++', [
    ...['-std=c++17', '-g', '-O1', '-Wall', '-Wextra', '-Werror', '-pthread', sanitize],
    ...['-fno-sanitize-recover=all', `-DTARGET=${target}`, '-o', program],
    ...[...files, 'native/test/fake_ioctl.cc'],
  ]);
  const corpus = join(folder, `${target}-corpus`);
  mkdirSync(corpus);
  // libFuzzer writes a failing input to the root of the project. Make a test from the failing
  // input.
  const limits = ['-max_len=600', '-timeout=20', '-rss_limit_mb=4096', '-verbosity=0'];
  await run(program, [`-runs=${runs}`, '-print_final_stats=1', ...limits, corpus]);
  return runs;
}

/** Checks that no input causes a crash, a hang or a wrong result. */
export async function fuzz() {
  const factor = Number(process.env.VFIO_FUZZ_RUNS ?? 1);
  let inputs = 0;
  await withFolder(async (folder) => {
    for (const [target, runs] of Object.entries(RUNS)) {
      inputs += await native(folder, target, Math.ceil(runs * factor));
    }
  });
  const output = await withSanitizers((copy, env) =>
    run(
      process.execPath,
      ['node_modules/ava/entrypoints/cli.mjs', '--timeout=120m', 'dist/test/fuzz/**/*.test.js'],
      { cwd: copy, env: { ...env, VFIO_TEST_FULL: '1' } },
    ),
  );
  const typescript = sum(output, /(\d+) inputs, seed/g);
  return `${inputs + typescript} inputs in total, ${typescript} for the TypeScript fuzzers`;
}
