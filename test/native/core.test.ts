import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { compile, root, temporaryFolder } from './helpers.js';

const core = readdirSync(join(root, 'native/core'))
  .filter((name) => name.endsWith('.cc'))
  .map((name) => `core/${name}`);

/**
 * Compiles a program with native/core and runs it.
 * @returns the output of the program, with one line for each test
 */
function runProgram(t: ExecutionContext, ...sources: string[]): string {
  t.timeout(120_000);
  const program = join(temporaryFolder(), 'program');
  compile(program, ['-Wall', '-Wextra', '-Werror', '-pthread'], ...core, ...sources);
  const { status, stdout } = spawnSync(program, { encoding: 'utf8' });
  t.log(stdout.trimEnd());
  t.is(status, 0);
  return stdout;
}

test('the unit tests of native/core pass', (t) => {
  const output = runProgram(t, 'test/core_test.cc', 'test/fake_ioctl.cc');
  t.regex(output, /^ok an invalid capability chain is EPROTO$/m);
});

test('the unit tests of the bus-error guard pass', (t) => {
  const output = runProgram(t, 'test/guard_test.cc');
  t.regex(output, /^ok a fault outside of a window ends the process$/m);
});
