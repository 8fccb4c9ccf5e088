/**
 * Shows control characters as text, since text of others could change the user's terminal: C0, DEL
 * and C1 become `\x1b` and so on. The text stays on one line.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\0-\x1f\x7f-\x9f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** Shows the control characters of each line as text; line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split('\t').map(printable).join('\t'))
    .join('\n');
}
