/** Nanoseconds of CLOCK_MONOTONIC: exact to a nanosecond for a hundred days of uptime. */
export function now(): number {
  return Number(process.hrtime.bigint());
}
