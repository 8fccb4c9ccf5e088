import fc from 'fast-check';
import { compare, type Difference } from './compare.js';
import { scripts } from './generate/index.js';
import { GuestDied, type Guest } from './guest.js';
import { runOnMock } from './mock.js';
import type { Answer, Op } from './script.js';
import type { Target } from './targets.js';

/** Scripts of one run of fast-check; between runs it is looked at how much is done. */
const BATCH = 25;

/** A script that is answered differently, as short as it was found. */
export interface Verdict {
  readonly script: readonly Op[];
  readonly answers: readonly Answer[];
  readonly difference: Difference;
}

/** Scripts ran the same on both sides until one did not. */
export interface Outcome {
  /** Operations that were compared. */
  readonly operations: number;
  readonly found: Verdict | null;
  /** Scripts that no guest survived, with what it said last. */
  readonly deadly: readonly { readonly script: readonly Op[]; readonly lastWords: string }[];
}

/** Holds an imitation against its device. */
export class Judge {
  readonly #guest: Guest;
  readonly #target: Target;

  constructor(guest: Guest, target: Target) {
    this.#guest = guest;
    this.#target = target;
  }

  /**
   * Runs random scripts until enough operations were compared or a difference was found. The same
   * seed gives the same scripts.
   */
  async run(seed: number, operations: number): Promise<Outcome> {
    const deadly: { script: readonly Op[]; lastWords: string }[] = [];
    let done = 0;
    const property = fc.asyncProperty(scripts(this.#target), async (script) => {
      try {
        const verdict = await this.#try(script);
        done += script.length;
        return verdict === null;
      } catch (error) {
        // To shorten it would take a boot for each attempt.
        if (!(error instanceof GuestDied)) throw error;
        deadly.push({ script, lastWords: error.message });
        return true;
      }
    });
    for (let batch = 0; done < operations && deadly.length < BATCH; batch++) {
      const result = await fc.check(property, { seed: seed + batch, numRuns: BATCH });
      if (!result.failed) continue;
      if (result.errorInstance instanceof Error) throw result.errorInstance;
      const [script = []] = result.counterexample ?? [];
      return { operations: done, found: await this.#try(script), deadly };
    }
    return { operations: done, found: null, deadly };
  }

  async #try(script: readonly Op[]): Promise<Verdict | null> {
    const { name, prologue } = this.#target;
    const [real, mock] = await Promise.all([
      this.#guest.run(name, [...prologue, ...script]),
      runOnMock(this.#target, script),
    ]);
    const answers = real.slice(prologue.length);
    const difference = compare(this.#target, script, answers, mock);
    return difference === null ? null : { script, answers, difference };
  }
}
