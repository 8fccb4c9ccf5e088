import { exact } from '../run/json.js';

/** JSON for programs that a person may read too. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, exact, 2);
}

export { toJsonLine } from '../run/json.js';
