import type { Verdict } from './judge.js';
import type { Op } from './script.js';

/** Runs a script on both; null if they answer alike. */
export type Try = (script: readonly Op[]) => Promise<Verdict | null>;

/** The difference, wherever in a script it is found. */
function sign({ script, difference: { step, kernel, mock } }: Verdict): string {
  return JSON.stringify([script[step], kernel, mock]);
}

/**
 * Leaves out of a script what the difference at its end does not need: pieces of it, ever smaller
 * ones, until no single operation can go, or time is up.
 *
 * @param found - a script that is answered differently
 */
export async function shorten(found: Verdict, attempt: Try, ms: number): Promise<Verdict> {
  const deadline = performance.now() + ms;
  const same = sign(found);
  let best = cut(found);
  for (let piece = Math.ceil(best.script.length / 2); piece >= 1;) {
    let shorter = false;
    // From behind: the last operation is the one that shows it.
    for (let end = best.script.length - 1; end > 0; end -= piece) {
      if (performance.now() > deadline) return best;
      const { script } = best;
      const verdict = await attempt([
        ...script.slice(0, Math.max(end - piece, 0)),
        ...script.slice(end),
      ]);
      if (verdict === null || sign(verdict) !== same) continue;
      best = cut(verdict);
      shorter = true;
    }
    if (piece > 1) piece = Math.ceil(piece / 2);
    else if (!shorter) break;
  }
  return best;
}

/** Without what comes behind the difference. */
function cut({ script, answers, difference }: Verdict): Verdict {
  const end = difference.step + 1;
  return { script: script.slice(0, end), answers: answers.slice(0, end), difference };
}
