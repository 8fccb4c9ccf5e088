/** A call that blocks, in both its forms. */
export interface Blocking<T> {
  readonly now: () => T;
  readonly later: () => Promise<T>;
}

/** A flow written once: it yields the calls that block and is told what they gave. */
export type Steps<Result> = Generator<Blocking<number>, Result, number>;

export function runNow<Result>(steps: Steps<Result>): Result {
  let step = steps.next();
  while (step.done !== true) {
    let value: number;
    try {
      value = step.value.now();
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}

export async function runLater<Result>(steps: Steps<Result>): Promise<Result> {
  let step = steps.next();
  while (step.done !== true) {
    let value: number;
    try {
      value = await step.value.later();
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}
