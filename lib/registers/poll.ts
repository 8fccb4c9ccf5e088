import { setTimeout as delay } from 'node:timers/promises';
import { checkFunction, checkObject } from '../checks.js';
import { type DeviceClock, processClock } from '../contract/clock.js';
import { checkWaitOptions, type WaitOptions } from '../contract/wait.js';
import { VfioError } from '../errors.js';

/** Milliseconds between two calls of the polled function. */
const INTERVAL = 1;

/** Options of {@link poll}. */
export interface PollOptions extends WaitOptions {
  /**
   * The device whose clock measures the timeout. A test can stop the clock of a mock device. Default:
   * the clock of the process.
   */
  readonly device?: { readonly connection: { readonly clock?: DeviceClock } } | undefined;
}

/** A result that ends {@link poll}. */
export type Truthy<T> = Exclude<T, false | 0 | 0n | '' | null | undefined>;

/**
 * Calls a function about once a millisecond until its result is truthy. The first call is made at
 * once.
 *
 * @returns the truthy result
 * @throws {@link VfioError} ETIMEDOUT after the timeout; an AbortError if `signal` is aborted; the
 *   exception of the function
 * @example
 * await poll(() => (registers.read32(CSTS) & RDY) !== 0, { timeout: 500 });
 */
export async function poll<T>(
  fn: () => T | Promise<T>,
  options: PollOptions = {},
): Promise<Truthy<T>> {
  checkFunction(fn, 'fn');
  checkWaitOptions(options, ['device']);
  const { device } = options;
  if (device !== undefined) checkDevice(device);
  return pollUntil(fn, options, device?.connection.clock ?? processClock, (ms) => ({
    message: `the condition is not true after ${ms} ms`,
  }));
}

function checkDevice(device: NonNullable<PollOptions['device']>): void {
  checkObject(device, 'device');
  checkObject(device.connection, 'the connection of device');
}

/**
 * Calls a function until its result is truthy.
 *
 * @param describe - describes the failure after `ms` milliseconds
 */
export async function pollUntil<T>(
  fn: () => T | Promise<T>,
  { timeout, signal }: WaitOptions,
  clock: DeviceClock,
  describe: (ms: number) => { readonly message: string; readonly hint?: string | undefined },
): Promise<Truthy<T>> {
  const end = timeout === undefined ? Infinity : clock.now + timeout;
  for (;;) {
    // The time is read before the condition, so that a late process checks the condition once more.
    const isLast = clock.now >= end;
    const result = await fn();
    if (result) return result as Truthy<T>;
    if (isLast) throw new VfioError({ code: 'ETIMEDOUT', ...describe(timeout ?? 0) });
    await delay(INTERVAL, undefined, { signal });
  }
}
