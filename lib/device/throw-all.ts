/** Throws one error as it is, several as one AggregateError. No error: returns. */
export function throwAll(errors: readonly unknown[], message: string): void {
  if (errors.length > 1) throw new AggregateError(errors, message);
  if (errors.length === 1) throw errors[0];
}

/** Runs every step, also after one that fails, then throws as {@link throwAll}. */
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
