import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import type { Cycles } from './cycles.js';

const PROGRAM = fileURLToPath(new URL('cycles.js', import.meta.url));
/**
 * Allowed growth of the heap in kB. A cycle allocates 512 KiB. If more than 20 cycles leak, the
 * growth exceeds this limit.
 */
const MAX_HEAP_GROWTH = 10 * 1024;
/**
 * Allowed growth of resident memory in kB. Compiled code and V8's young generation need up to
 * 40 MB. If more than 190 cycles leak, the growth exceeds this limit.
 *
 * The limit does not apply to mock devices, because their memory is part of V8's heap. Since Node
 * 22, V8 keeps many freed pages after it has collected much garbage.
 */
const MAX_RESIDENT_GROWTH = 96 * 1024;
/**
 * Allowed change of the number of mappings. V8 maps and unmaps parts of its heap at any time. Each
 * cycle makes three mappings.
 */
const MAX_MAPPINGS_CHANGE = 300;

/** Opens and closes a device `count` times in a new process, and checks that no resource leaks. */
export async function runCycles(t: ExecutionContext, name: string, count: number): Promise<Cycles> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    PROGRAM,
    name,
    String(count),
  ]);
  const cycles = JSON.parse(stdout) as Cycles;
  const { before, after } = cycles;
  for (const [when, resources] of Object.entries(cycles)) {
    t.log(`${when}: ${JSON.stringify(resources)}`);
  }
  t.is(after.fds, before.fds);
  t.is(after.windows, before.windows);
  t.is(after.VmLck, before.VmLck);
  t.is(after.VmPin, before.VmPin);
  t.true(after.inUse - before.inUse < MAX_HEAP_GROWTH, `${after.inUse - before.inUse} kB more`);
  if (!name.startsWith('mock:')) {
    t.true(Math.abs(after.mappings - before.mappings) < MAX_MAPPINGS_CHANGE);
    t.true(
      after.VmRSS - before.VmRSS < MAX_RESIDENT_GROWTH,
      `${after.VmRSS - before.VmRSS} kB more`,
    );
  }
  return cycles;
}
