/** The command line was wrong: one line, then exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The value of an option that takes one of a few words. */
export function choice<T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  const chosen = choices.find((one) => one === value);
  if (chosen !== undefined || value === undefined) return chosen;
  throw new UsageError(`${option} is ${choices.join(' or ')}, not '${value}'`);
}
