import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import test from 'ava';
import { VfioError } from '../../lib/errors.js';
import { native } from '../../lib/native/binding.js';

const calls = native();

/** Returns the list of CPUs on which this thread is allowed to run. */
function allowed(): string | undefined {
  return /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1];
}

/** Returns the CPU on which the thread last ran, from field 39 of stat. */
function current(): number {
  return Number(readFileSync('/proc/thread-self/stat', 'utf8').split(') ')[1]?.split(' ')[36]);
}

test('visitCpu runs the thread on the CPU and restores its affinity', (t) => {
  const before = allowed();
  const visited = new Set<number>();
  for (let cpu = 0; cpu < cpus().length; cpu++) {
    // After the visit, the scheduler rarely moves the thread at once. At least one of 100 attempts
    // therefore shows the visited CPU.
    for (let n = 0; n < 100 && !visited.has(cpu); n++) {
      calls.visitCpu(cpu);
      if (current() === cpu) visited.add(cpu);
    }
    t.is(allowed(), before);
  }
  t.is(visited.size, cpus().length);
});

test('visitCpu fails with EINVAL if the CPU does not exist', (t) => {
  const before = allowed();
  t.throws(
    () => {
      calls.visitCpu(65535);
    },
    { instanceOf: VfioError, code: 'EINVAL' },
  );
  t.throws(
    () => {
      calls.visitCpu(-1);
    },
    { instanceOf: TypeError },
  );
  t.is(allowed(), before);
});
