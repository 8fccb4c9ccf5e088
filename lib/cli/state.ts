import type { Readiness } from '../host/readiness.js';

/** Formats the state of a function: ready, or the reason why a program cannot open the function. */
export function formatState({ ready, missing, tokenOwner }: Readiness): string {
  if (!ready) return missing ?? '';
  return tokenOwner === undefined ? 'ready' : `ready with the VF token of ${tokenOwner}`;
}
