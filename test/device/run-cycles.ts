import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import type { Cycles } from './cycles.js';

const PROGRAM = fileURLToPath(new URL('cycles.js', import.meta.url));
/** kB. A cycle has 512 KiB: 1,000 of which one in fifty is kept show. */
const IN_USE = 10 * 1024;
/**
 * kB. Code that V8 compiles meanwhile, and the room of its young generation, were 40 MB at most: one
 * in five shows. From Node 22 on V8 keeps pages that it freed, more of them the more garbage there
 * is; imitations are garbage alone.
 */
const RESIDENT = 96 * 1024;
/** V8 maps its heap in pieces, and gives them back when it likes. A cycle has three mappings. */
const MAPPINGS = 300;

/** Opens and closes a device so often, in a process of its own, and compares what that has open. */
export async function runCycles(t: ExecutionContext, name: string, count: number): Promise<Cycles> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    PROGRAM,
    name,
    String(count),
  ]);
  const cycles = JSON.parse(stdout) as Cycles;
  const { before, after } = cycles;
  for (const [when, held] of Object.entries(cycles)) {
    t.log(`${when}: ${JSON.stringify(held)}`);
  }
  t.is(after.fds, before.fds);
  t.is(after.windows, before.windows);
  t.is(after.VmLck, before.VmLck);
  t.is(after.VmPin, before.VmPin);
  t.true(after.inUse - before.inUse < IN_USE, `${after.inUse - before.inUse} kB more`);
  if (!name.startsWith('mock:')) {
    t.true(Math.abs(after.mappings - before.mappings) < MAPPINGS);
    t.true(after.VmRSS - before.VmRSS < RESIDENT, `${after.VmRSS - before.VmRSS} kB more`);
  }
  return cycles;
}
