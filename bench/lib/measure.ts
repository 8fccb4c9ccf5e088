/**
 * Measures contenders in interleaved rounds. A busy machine changes the times, but not the ratios
 * within a round.
 */

const WARM_UP_MS = 400;

/** A contender is a function that does the measured work in one way. */
export interface Contender {
  readonly name: string;
  /**
   * Does the work for long enough to measure the time.
   * @returns the measured value per operation
   */
  readonly run: () => number | Promise<number>;
  /** Releases what the contender holds. Called after the last round. */
  readonly close?: () => void;
}

/** The goal of a contender. A smaller value is better. */
export interface Goal {
  /** Name of the contender. */
  readonly of: string;
  /**
   * Name of a second contender. If `to` is set, the goal limits the median ratio of both
   * contenders. If `to` is not set, the goal limits the median of the first contender.
   */
  readonly to?: string;
  readonly atMost?: number;
  readonly stretch?: number;
}

/** Contenders that do the same work. The first contender is the reference. */
export interface Benchmark {
  readonly title: string;
  /** Unit of one operation: `'ns'`, `'us'`, `'bytes'`. */
  readonly unit: string;
  readonly contenders: readonly Contender[];
  /** Default: the ratio of each contender to the first contender, with no limit. */
  readonly goals?: readonly Goal[];
  /** Number of rounds. Default: the argument of {@link measure}. */
  readonly rounds?: number;
}

export interface Measured {
  readonly name: string;
  /** Median of the rounds. */
  readonly median: number;
  readonly rounds: readonly number[];
}

export interface Judged extends Goal {
  /** The value that is compared with the goal: a median ratio or a median. */
  readonly value: number;
  readonly reached: 'goal' | 'stretch' | 'missed' | null;
}

export interface Result {
  readonly title: string;
  readonly unit: string;
  readonly measured: readonly Measured[];
  readonly goals: readonly Judged[];
}

/** Measures a benchmark. Every contender runs once in each round. The order rotates. */
export async function measure(benchmark: Benchmark, rounds: number): Promise<Result> {
  const { title, unit, contenders } = benchmark;
  for (const { run } of contenders) await warmUp(run);
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < (benchmark.rounds ?? rounds); round++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (round + i) % contenders.length;
      times[at]?.push((await contenders[at]?.run()) ?? NaN);
    }
  }
  for (const { close } of contenders) close?.();
  const measured = contenders.map(({ name }, at) => {
    const values = times[at] ?? [];
    return { name, median: median(values), rounds: values };
  });
  return { title, unit, measured, goals: goalsOf(benchmark).map((goal) => judge(goal, measured)) };
}

/** Runs the work until the caches are filled and V8 has optimized the code. */
async function warmUp(run: Contender['run']): Promise<void> {
  const end = performance.now() + WARM_UP_MS;
  do await run();
  while (performance.now() < end);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param q - the quantile, 0 to 1 */
function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}

function goalsOf({ contenders, goals }: Benchmark): readonly Goal[] {
  const [first, ...others] = contenders;
  return goals ?? others.map(({ name }) => ({ of: name, to: first?.name ?? '' }));
}

/** Compares a goal with the measurements of the contenders that the goal names. */
export function judge(goal: Goal, measured: readonly Measured[]): Judged {
  const roundsOf = (name: string): readonly number[] => {
    const found = measured.find((one) => one.name === name);
    if (found === undefined) throw new Error(`the contender '${name}' of a goal was not measured`);
    return found.rounds;
  };
  const own = roundsOf(goal.of);
  const other = goal.to === undefined ? undefined : roundsOf(goal.to);
  const value = median(own.map((one, round) => one / (other?.[round] ?? 1)));
  return { ...goal, value, reached: reachedBy(value, goal) };
}

function reachedBy(value: number, { atMost, stretch }: Goal): Judged['reached'] {
  if (stretch !== undefined && value <= stretch) return 'stretch';
  if (atMost === undefined) return null;
  return value <= atMost ? 'goal' : 'missed';
}
