/** Quotes a text for a POSIX shell, zsh or bash. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
