/** The command line was wrong: one line, then exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The one argument a command takes. */
export function onlyOne(positionals: readonly string[], what = 'device'): string {
  const [argument] = positionals;
  if (argument === undefined || positionals.length > 1) throw new UsageError(`give one ${what}`);
  return argument;
}
