/**
 * The results of one program in the guest for one path. The arrays contain the nanoseconds per
 * operation of each round.
 */
export interface Line {
  /**
   * The program: `'C'`, `'vfio'`, or a name such as `'vfio, poller'` for another way to use the
   * API.
   */
  readonly who: string;
  readonly path: string;
  /** CPU time. With QEMU's `-icount shift=0`, one nanosecond stands for one instruction. */
  readonly cpu: readonly number[];
  readonly elapsed: readonly number[];
}

export interface Clocks {
  readonly cpu: number;
  readonly elapsed: number;
}

/**
 * Reads both clocks. CPU time includes all threads of the process and the kernel's work for the
 * process.
 */
export function now(): Clocks {
  const elapsed = Number(process.hrtime.bigint());
  const { user, system } = process.cpuUsage();
  return { cpu: 1000 * (user + system), elapsed };
}

const ROUNDS = 5;

const WARM_UP_OPERATIONS = 5000;

/**
 * CPU time of the warm-up, in which V8 optimizes the code. With `-icount shift=0`, the time is a
 * number of instructions.
 */
const WARM_UP_NS = 300e6;

/**
 * Runs the work until V8 has optimized the code.
 * @param minRuns - minimum number of runs, for work that mostly waits or runs in the kernel
 */
export async function warmUp(run: () => unknown, minRuns: number): Promise<void> {
  const { cpu } = now();
  for (let times = 0; times < minRuns || now().cpu - cpu < WARM_UP_NS; times++) await run();
}

/** The times of all rounds of one path. */
export class Rounds {
  readonly #cpu: number[] = [];
  readonly #elapsed: number[] = [];

  get complete(): boolean {
    return this.#cpu.length >= ROUNDS;
  }

  /**
   * Adds a round.
   * @param operations - number of operations in the round
   * @param waited - CPU time spent waiting, in nanoseconds
   */
  done(start: Clocks, operations: number, waited = 0): void {
    const end = now();
    this.#cpu.push((end.cpu - start.cpu - waited) / operations);
    this.#elapsed.push((end.elapsed - start.elapsed) / operations);
  }

  /** Prints the line of JSON that bench/lab/main.ts reads. */
  report(path: string, who = 'vfio'): void {
    const line: Line = { who, path, cpu: this.#cpu, elapsed: this.#elapsed };
    console.log(JSON.stringify(line));
  }
}

/** Measures an operation. Each round runs the operation `operations` times. */
export async function measureLoop(
  path: string,
  operations: number,
  operation: () => void,
): Promise<void> {
  const loop = () => {
    for (let i = 0; i < operations; i++) operation();
  };
  await warmUp(loop, WARM_UP_OPERATIONS / operations);
  const rounds = new Rounds();
  while (!rounds.complete) {
    const start = now();
    loop();
    rounds.done(start, operations);
  }
  rounds.report(path);
}
