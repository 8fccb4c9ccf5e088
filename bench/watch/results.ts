import { type Goal, judge, median, type Result } from '../lib/measure.js';
import type { Line } from '../lab/clock.js';

export const PLAIN = 'no observer';
export const TRACED = 'VFIO_TRACE';
export const RECORDED = 'VFIO_RECORD';

/** Goal for a driver that does real I/O. */
const AT_MOST = 2;
const REAL_IO = 'depth 32';

/**
 * The goals of a path.
 *
 * @param hasGoal - whether the values are times; an observer must not make real I/O twice as slow
 */
export function goalsOf(path: string, hasGoal = true): Goal[] {
  const limit = hasGoal && path.includes(REAL_IO) ? { atMost: AT_MOST } : {};
  return [TRACED, RECORDED].map((of) => ({ of, to: PLAIN, ...limit }));
}

/** Groups the lines of the programs in a guest by path. */
export function resultsOf(
  lines: readonly Line[],
  unit: 'instructions' | 'ns',
  rounds: (line: Line) => readonly number[],
): Result[] {
  return [...new Set(lines.map(({ path }) => path))].map((title) => {
    const measured = lines
      .filter(({ path }) => path === title)
      .map((line) => ({ name: line.who, median: median(rounds(line)), rounds: rounds(line) }));
    const goals = goalsOf(title, unit === 'ns').map((goal) => judge(goal, measured));
    return { title, unit, measured, goals };
  });
}
