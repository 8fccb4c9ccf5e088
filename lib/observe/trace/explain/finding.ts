/** A fact about the end of a program that can explain why the program did not continue. */
export interface Finding {
  /** Name of the device; null if the finding concerns the program. */
  readonly device: string | null;
  readonly text: string;
}

/** Returns nanoseconds as seconds: `19.998 s`. */
export function formatSeconds(ns: number): string {
  return `${(ns / 1e9).toFixed(3)} s`;
}

/** Returns `1 time`, `2 times` or `1,234 times`. */
export function formatTimes(count: number): string {
  return `${count.toLocaleString('en')} time${count === 1 ? '' : 's'}`;
}
