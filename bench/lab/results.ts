import { type Goal, judge, median, type Result } from '../lib/measure.js';
import type { Line } from './clock.js';

/**
 * Goal for reads at the largest depth: the library's instructions divided by the C program's
 * instructions.
 */
const AT_MOST = 3;
const FULL_DEPTH = 'depth 32';

/** Number of instructions that the program in the guest runs before the first path. */
export interface Start {
  readonly node: number;
  readonly open: number;
}

/** Instructions per operation, compared with the C program. */
export function instructions(lines: readonly Line[]): Result[] {
  return group(lines, (path, ofPath) => {
    const atMost = path.includes(FULL_DEPTH) ? { atMost: AT_MOST } : {};
    return resultOf(path, 'instructions', ofPath, ({ cpu }) => cpu, atMost);
  });
}

/** Time of an operation, or reads per second, compared with the C program. */
export function times(lines: readonly Line[]): Result[] {
  return group(lines, (path, ofPath) =>
    path.startsWith('NVMe')
      ? resultOf(path, 'IOPS', ofPath, ({ elapsed }) => elapsed.map((ns) => 1e9 / ns))
      : resultOf(path, 'ns', ofPath, ({ elapsed }) => elapsed),
  );
}

/** Number of instructions that start Node, load the modules and open the device. */
export function start({ node, open }: Start): Result {
  const measured = Object.entries({ Node: node, 'vfio, opening the device': open }).map(
    ([name, value]) => ({ name, median: value, rounds: [value] }),
  );
  const goals = measured.map(({ name }) => judge({ of: name }, measured));
  return { title: 'start', unit: 'instructions', measured, goals };
}

function group(lines: readonly Line[], make: (path: string, lines: Line[]) => Result): Result[] {
  const paths = [...new Set(lines.map(({ path }) => path))];
  return paths.map((path) =>
    make(
      path,
      lines.filter((line) => line.path === path),
    ),
  );
}

function resultOf(
  title: string,
  unit: string,
  lines: readonly Line[],
  rounds: (line: Line) => readonly number[],
  limits: Pick<Goal, 'atMost'> = {},
): Result {
  const measured = lines.map((line) => {
    const values = rounds(line);
    return { name: line.who, median: median(values), rounds: values };
  });
  const ours = measured.filter(({ name }) => name !== 'C');
  const goals = ours.map(({ name }) => judge({ of: name, to: 'C', ...limits }, measured));
  return { title, unit, measured, goals };
}
