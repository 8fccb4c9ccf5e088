/** A blocking call, as a synchronous function and as an asynchronous function. */
export interface BlockingCall<T> {
  readonly sync: () => T;
  readonly async: () => Promise<T>;
}

/**
 * A sequence of blocking calls that is written once and runs synchronously or asynchronously. The
 * generator yields blocking calls and receives their results.
 */
export type Steps<Result> = Generator<BlockingCall<number>, Result, number>;

/** Runs all blocking calls on this thread. */
export function runSync<Result>(steps: Steps<Result>): Result {
  let step = steps.next();
  while (step.done !== true) {
    let value: number;
    try {
      value = step.value.sync();
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}

/** Runs all steps. The blocking calls run on another thread. */
export async function runAsync<Result>(steps: Steps<Result>): Promise<Result> {
  let step = steps.next();
  while (step.done !== true) {
    let value: number;
    try {
      value = await step.value.async();
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}
