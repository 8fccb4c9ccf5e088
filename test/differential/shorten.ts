import type { Verdict } from './judge.js';
import type { Op } from './script.js';

/** Runs a script on kernel and mock; returns null if their answers are the same. */
export type Try = (script: readonly Op[]) => Promise<Verdict | null>;

/** Identifies a difference independently of its place in a script. */
function signatureOf({ script, difference: { step, kernel, mock } }: Verdict): string {
  return JSON.stringify([script[step], kernel, mock]);
}

/**
 * Shortens a script with a difference at its end. Removes ever smaller pieces, until every single
 * operation is needed or the time limit has passed.
 *
 * @param found - a script with different answers
 * @param ms - time limit in milliseconds
 */
export async function shorten(found: Verdict, attempt: Try, ms: number): Promise<Verdict> {
  const deadline = performance.now() + ms;
  const same = signatureOf(found);
  let best = cutScript(found);
  for (let piece = Math.ceil(best.script.length / 2); piece >= 1;) {
    let shorter = false;
    // Backwards, and without the last operation, which shows the difference.
    for (let end = best.script.length - 1; end > 0; end -= piece) {
      if (performance.now() > deadline) return best;
      const { script } = best;
      const verdict = await attempt([
        ...script.slice(0, Math.max(end - piece, 0)),
        ...script.slice(end),
      ]);
      if (verdict === null || signatureOf(verdict) !== same) continue;
      best = cutScript(verdict);
      shorter = true;
    }
    if (piece > 1) piece = Math.ceil(piece / 2);
    else if (!shorter) break;
  }
  return best;
}

/** Removes the operations after the difference. */
function cutScript({ script, answers, difference }: Verdict): Verdict {
  const end = difference.step + 1;
  return { script: script.slice(0, end), answers: answers.slice(0, end), difference };
}
