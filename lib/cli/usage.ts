/** Error for a wrong command line. The error is printed as one line, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Parses the value of an option that accepts only certain words. */
export function parseChoice<T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  const chosen = choices.find((one) => one === value);
  if (chosen !== undefined || value === undefined) return chosen;
  throw new UsageError(`${option} must be ${choices.join(' or ')}, not '${value}'`);
}
