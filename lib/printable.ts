/**
 * Replaces control characters with readable text. For example, the escape character becomes `\x1b`.
 * A control character in text from a device or another program could otherwise control the user's
 * terminal. The function replaces the control characters C0, DEL and C1. Line breaks are replaced
 * too, so the result has only one line.
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
