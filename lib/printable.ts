/**
 * Replaces control characters with readable text. For example, the escape character becomes `\x1b`.
 * Without the replacement, a control character from a device or another program could control the
 * user's terminal. The function replaces the control characters C0, DEL and C1. The function also
 * replaces line breaks, so the result has only one line.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\0-\x1f\x7f-\x9f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** Replaces control characters with readable text, but keeps line breaks and tabs. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split('\t').map(printable).join('\t'))
    .join('\n');
}
