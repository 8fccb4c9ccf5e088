import { exact } from '../run/json.js';

/** Formats a value as indented JSON. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, exact, 2);
}

export { toJsonLine } from '../run/json.js';
