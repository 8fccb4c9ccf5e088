/**
 * Returns the time of CLOCK_MONOTONIC in nanoseconds. The value is exact for the first hundred days
 * of uptime.
 */
export function now(): number {
  return Number(process.hrtime.bigint());
}
