import { exact, toJsonLine as toLine } from '../run/json.js';

/** Escapes DEL and the C1 control characters, which JSON allows in a string. */
export function escapeControls(json: string): string {
  return json.replaceAll(
    /[\x7f-\x9f]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}

/** Formats a value as indented JSON. */
export function toJson(value: unknown): string {
  return escapeControls(JSON.stringify(value, exact, 2));
}

/** Formats a value as JSON on one line. */
export function toJsonLine(value: unknown): string {
  return escapeControls(toLine(value));
}
