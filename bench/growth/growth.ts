import type { Benchmark, Contender } from '../lib/measure.js';

/** The largest ratio of the cost at any size to the cost at the smallest size. */
const FLAT = 1.25;

/** What one size of a growth benchmark measures. */
export interface Sized {
  /** @returns the cost of one operation */
  run(): number | Promise<number>;
  close?(): void;
}

/** A growth benchmark. */
export interface Growth {
  /** The operation, and what grows: `'an interrupt, by armed vectors'`. */
  readonly title: string;
  /** Unit of the cost. Default: `'ns'`. */
  readonly unit?: string;
  /** The sizes in ascending order. */
  readonly sizes: readonly number[];
  /** Number of rounds. Default: the option `--rounds`. */
  readonly rounds?: number;
  /** Makes what a size needs. Called before the first round of the size. */
  readonly make: (size: number) => Sized;
}

/**
 * Returns the benchmark of one operation at several sizes. The contenders are the sizes, and each
 * size is compared with the smallest size.
 */
export function growth({ title, unit = 'ns', sizes, rounds, make }: Growth): Benchmark {
  const contenders = sizes.map((size): Contender => {
    let made: Sized | undefined;
    return {
      name: nameOf(size),
      run: () => (made ??= make(size)).run(),
      close: () => made?.close?.(),
    };
  });
  const [smallest = 0, ...others] = sizes;
  return {
    title,
    unit,
    contenders,
    goals: others.map((size) => ({ of: nameOf(size), to: nameOf(smallest), atMost: FLAT })),
    ...(rounds !== undefined && { rounds }),
  };
}

function nameOf(size: number): string {
  return size.toLocaleString('en');
}
