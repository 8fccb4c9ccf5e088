/** What a program in the guest prints of a path: nanoseconds an operation, a number a round. */
export interface Line {
  /** `'C'`, or how the public API is used: `'vfio'` the way that most programs do. */
  readonly who: string;
  readonly path: string;
  /** Of CPU time: instructions, where QEMU counts them (`-icount shift=0`). */
  readonly cpu: readonly number[];
  readonly elapsed: readonly number[];
}

export interface Clocks {
  readonly cpu: number;
  readonly elapsed: number;
}

/** All threads of the process, and what the kernel does for it. */
export function now(): Clocks {
  const elapsed = Number(process.hrtime.bigint());
  const { user, system } = process.cpuUsage();
  return { cpu: 1000 * (user + system), elapsed };
}

const ROUNDS = 5;

const WARM_UP_OPERATIONS = 5000;

/** Until V8 has compiled it for good; in instructions where QEMU counts them. */
const WARM_UP_NS = 300e6;

/**
 * Does it until the compilers know it.
 * @param least - times: much of what a run takes can be waiting, or the kernel's
 */
export async function warmUp(run: () => unknown, least: number): Promise<void> {
  const { cpu } = now();
  for (let times = 0; times < least || now().cpu - cpu < WARM_UP_NS; times++) await run();
}

/** The rounds of one path. */
export class Rounds {
  readonly #cpu: number[] = [];
  readonly #elapsed: number[] = [];

  get complete(): boolean {
    return this.#cpu.length >= ROUNDS;
  }

  /**
   * A round of so many operations is done.
   * @param waited - nanoseconds of CPU time spent for nothing
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

/** Measures an operation, done so many times a round. */
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
