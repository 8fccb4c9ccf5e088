/** Throws a single error unchanged. Throws several errors as one AggregateError. */
export function throwAll(errors: readonly unknown[], message: string): void {
  if (errors.length > 1) throw new AggregateError(errors, message);
  if (errors.length === 1) throw errors[0];
}

/** Runs every step, even if an earlier step fails. Then throws the collected errors. */
export function runAll(steps: readonly (() => void)[], message: string): void {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      errors.push(error);
    }
  }
  throwAll(errors, message);
}
