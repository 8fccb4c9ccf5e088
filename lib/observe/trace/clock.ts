/** Returns nanoseconds of CLOCK_MONOTONIC, exact for the first hundred days of uptime. */
export function now(): number {
  return Number(process.hrtime.bigint());
}
