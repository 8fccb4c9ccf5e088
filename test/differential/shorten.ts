import type { Verdict } from './judge.js';
import type { Op } from './script.js';

/** Runs a script on the kernel and on the mock. Returns null if all answers are the same. */
export type Try = (script: readonly Op[]) => Promise<Verdict | null>;

/** Returns a text that identifies a difference independently of its position in the script. */
function signatureOf({ script, difference: { step, kernel, mock } }: Verdict): string {
  return JSON.stringify([script[step], kernel, mock]);
}

/**
 * Shortens a script while keeping its difference. Removes pieces of decreasing size. Stops when
 * every remaining operation is needed or the time limit has passed.
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
    // Pieces are removed from the end to the start. The last operation stays, because its answers
    // differ.
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
