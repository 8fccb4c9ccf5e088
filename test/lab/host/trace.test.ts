// Compares each access that QEMU's device models receive with the access that the program made.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SEED } from '../../full.js';
import { temporaryFolder } from '../../native/helpers.js';
import { runProgram } from './guest.js';
import { loopAccesses, randomAccesses, TARGETS, type Access, type Target } from './plan.js';

const LINE =
  /^memory_region_ops_(read|write) cpu \d+ mr \w+ addr (\w+) value (\w+) size (\d) name '(.*)'$/;
const FIRST_MARK = 0xfeed_0000n;

interface Logged extends Omit<Access, 'width'> {
  readonly width: number;
  readonly region: string;
}

/** Reads the accesses that QEMU logged, and returns one list for each mark. */
function readTrace(path: string): Logged[][] {
  const parts: Logged[][] = [];
  for (const line of readFileSync(path, 'latin1').split('\n')) {
    const [, kind, address, hex = '0', width, region = ''] = LINE.exec(line) ?? [];
    if (kind !== 'read' && kind !== 'write') continue;
    const value = BigInt(hex);
    const mark = FIRST_MARK + BigInt(parts.length);
    if (region === 'edu-mmio' && kind === 'write' && value === mark) {
      parts.push([]);
      continue;
    }
    parts.at(-1)?.push({ kind, offset: Number(address), value, width: Number(width), region });
  }
  return parts;
}

function compare(t: ExecutionContext, target: Target, logged: Logged[], planned: Access[]): void {
  const seen = logged.filter(({ region }) => region === target.region);
  const base = (seen[0]?.offset ?? 0) - (planned[0]?.offset ?? 0);
  const text = ({ kind, width, offset, value }: Omit<Logged, 'region'>) =>
    `${kind} ${width} at ${offset}${kind === 'write' ? ` of ${value}` : ''}`;
  const wanted = planned.map((access) => ({
    ...access,
    width: Math.max(access.width, target.least),
  }));
  t.is(base % 4096, 0);
  t.log(`${target.region}: ${seen.length} accesses`);
  t.deepEqual(
    seen.map((access) => text({ ...access, offset: access.offset - base })).join('\n'),
    wanted.map(text).join('\n'),
  );
}

test('a device receives each access of a program with the same width', async (t) => {
  t.timeout(300_000);
  t.log(`seed ${SEED}`);
  const log = join(temporaryFolder(), 'trace');
  const { exitCode, lines, errors } = await runProgram('accessed', {
    devices: ['edu', 'nvme', 'testdev'],
    env: { VFIO_TEST_SEED: String(SEED) },
    qemuArgs: [
      ...['-D', log],
      ...['-trace', 'memory_region_ops_read', '-trace', 'memory_region_ops_write'],
    ],
  });
  t.is(exitCode, 0, errors);
  t.deepEqual(
    lines,
    TARGETS.map(({ region }) => `${region}: 0 different`),
  );
  const parts = readTrace(log);
  t.is(parts.length, 3 * TARGETS.length);
  TARGETS.forEach((target, i) => {
    compare(t, target, parts[3 * i] ?? [], randomAccesses(target, SEED));
    compare(t, target, parts[3 * i + 1] ?? [], loopAccesses(target));
  });
});
