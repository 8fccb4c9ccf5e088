/** Interleaved rounds: ratios taken within a round hold on a busy machine, where times do not. */

const WARM_UP_MS = 400;

/** One way of doing a piece of work. */
export interface Contender {
  readonly name: string;
  /** Does the work once, long enough to be timed. @returns what one operation took */
  readonly run: () => number | Promise<number>;
}

/** What a contender is held to; smaller is better. */
export interface Goal {
  /** Name of the contender. */
  readonly of: string;
  /** Name of the one it is divided by, round by round; without it the median itself is meant. */
  readonly to?: string;
  readonly atMost?: number;
  readonly stretch?: number;
}

/** Contenders that do the same work, the reference first. */
export interface Benchmark {
  readonly title: string;
  /** Of one operation: `'ns'`, `'us'`, `'bytes'`. */
  readonly unit: string;
  readonly contenders: readonly Contender[];
  /** Default: every other contender against the first, held to nothing. */
  readonly goals?: readonly Goal[];
  /** Default: as many as {@link measure} is told. */
  readonly rounds?: number;
}

export interface Measured {
  readonly name: string;
  /** Median of the rounds. */
  readonly median: number;
  readonly rounds: readonly number[];
}

export interface Judged extends Goal {
  /** Median ratio, or median, that is held to the goal. */
  readonly value: number;
  readonly reached: 'goal' | 'stretch' | 'missed' | null;
}

export interface Result {
  readonly title: string;
  readonly unit: string;
  readonly measured: readonly Measured[];
  readonly goals: readonly Judged[];
}

/** Rounds in which every contender runs once, in an order that is rotated from round to round. */
export async function measure(benchmark: Benchmark, rounds: number): Promise<Result> {
  const { title, unit, contenders } = benchmark;
  for (const { run } of contenders) await warmUp(run);
  const taken = contenders.map((): number[] => []);
  for (let round = 0; round < (benchmark.rounds ?? rounds); round++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (round + i) % contenders.length;
      taken[at]?.push((await contenders[at]?.run()) ?? NaN);
    }
  }
  const measured = contenders.map(({ name }, at) => {
    const values = taken[at] ?? [];
    return { name, median: median(values), rounds: values };
  });
  return { title, unit, measured, goals: goalsOf(benchmark).map((goal) => judge(goal, measured)) };
}

/** Caches and compilers get to know the work. */
async function warmUp(run: Contender['run']): Promise<void> {
  const end = performance.now() + WARM_UP_MS;
  do await run();
  while (performance.now() < end);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param q - 0 to 1 */
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

/** @param measured - those that the goal names, and others */
export function judge(goal: Goal, measured: readonly Measured[]): Judged {
  const roundsOf = (name: string): readonly number[] => {
    const found = measured.find((one) => one.name === name);
    if (found === undefined) throw new Error(`a goal names '${name}', which nobody measures`);
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
