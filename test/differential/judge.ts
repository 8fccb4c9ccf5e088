import fc from 'fast-check';
import { compare, type Difference } from './compare.js';
import { scripts } from './generate/index.js';
import { GuestDied, type Guest } from './guest.js';
import { runOnMock, type Profile } from './mock.js';
import { shorten } from './shorten.js';
import type { Answer, Op } from './script.js';
import type { Target } from './targets.js';

/** Scripts that are made at once. */
const BATCH = 10;
/** Differences after which a device is no longer asked. */
const ENOUGH = 5;
/** To shorten a script takes runs in the guest for each attempt. */
const SHORTENING_MS = 60_000;
/** Between the seeds of devices that are asked side by side. */
const STRIDE = 1_000_003;

/** A script that is answered differently, as short as it was found. */
export interface Verdict {
  readonly script: readonly Op[];
  readonly answers: readonly Answer[];
  readonly difference: Difference;
}

/** What was seen. */
export interface Outcome {
  /** Operations that were compared. */
  operations: number;
  /** Scripts that were answered differently each time. */
  readonly found: Verdict[];
  /** Scripts that were answered differently once, and then not again: timing. */
  readonly unsteady: Verdict[];
  /** Scripts that no guest survived, with what it said last. */
  readonly deadly: { readonly script: readonly Op[]; readonly lastWords: string }[];
}

type OnAnswers = (script: readonly Op[], answers: readonly Answer[]) => void;

/** Holds an imitation against its device. */
export class Judge {
  readonly outcome: Outcome = { operations: 0, found: [], unsteady: [], deadly: [] };
  readonly #guest: Guest;
  readonly #target: Target;
  readonly #profile: Profile;
  readonly #onAnswers: OnAnswers | null;
  #alone: Promise<unknown> = Promise.resolve();

  /** @param onAnswers - gets what the kernel answers, to be compared later: nothing is shortened */
  constructor(guest: Guest, target: Target, profile: Profile, onAnswers: OnAnswers | null) {
    this.#guest = guest;
    this.#target = target;
    this.#profile = profile;
    this.#onAnswers = onAnswers;
  }

  /**
   * Runs random scripts on devices of one kind side by side until enough operations were compared.
   * The same seed gives the same scripts.
   *
   * @param devices - what the lab calls them
   */
  async run(devices: readonly string[], seed: number, operations: number): Promise<void> {
    const share = operations / devices.length;
    await Promise.all(
      devices.map((device, lane) => this.#lane(device, seed + lane * STRIDE, share)),
    );
  }

  async #lane(device: string, seed: number, operations: number): Promise<void> {
    const { outcome } = this;
    let done = 0;
    for (let batch = 0; done < operations; batch++) {
      const generated = fc.sample(scripts(this.#target), {
        seed: seed + batch,
        numRuns: BATCH,
        // Else most scripts are short, and a guest does little but open devices.
        unbiased: true,
      });
      for (const script of generated) {
        if (outcome.deadly.length >= ENOUGH) return;
        if (outcome.found.length >= ENOUGH && this.#onAnswers === null) return;
        const verdict = await this.#try(device, script);
        done += script.length;
        outcome.operations += script.length;
        if (verdict === null) continue;
        if (this.#onAnswers !== null) outcome.found.push(verdict);
        else outcome.found.push(await this.#shorten(device, verdict));
      }
    }
  }

  /** A difference counts if it is there twice. */
  async #try(device: string, script: readonly Op[]): Promise<Verdict | null> {
    try {
      const first = await this.#compare(device, script);
      if (first === null) return null;
      const again = await this.#compare(device, script);
      if (again === null) this.outcome.unsteady.push(first);
      return again;
    } catch (error) {
      if (!(error instanceof GuestDied)) throw error;
      return this.#suspect(device, script);
    }
  }

  /** What no guest survives without the rest of the script is another matter. */
  #shorten(device: string, found: Verdict): Promise<Verdict> {
    const attempt = (script: readonly Op[]): Promise<Verdict | null> =>
      this.#compare(device, script).catch((error: unknown) => {
        if (error instanceof GuestDied) return null;
        throw error;
      });
    return shorten(found, attempt, SHORTENING_MS);
  }

  /** Others ran on the guest that died: each of them is tried again alone. */
  #suspect(device: string, script: readonly Op[]): Promise<Verdict | null> {
    const retry = this.#alone.then(async () => {
      try {
        return await this.#compare(device, script);
      } catch (error) {
        if (!(error instanceof GuestDied)) throw error;
        this.outcome.deadly.push({ script, lastWords: error.message });
        return null;
      }
    });
    this.#alone = retry.catch(() => undefined);
    return retry;
  }

  async #compare(device: string, script: readonly Op[]): Promise<Verdict | null> {
    const { prologue } = this.#target;
    const [real, mock] = await Promise.all([
      this.#guest.run(device, [...prologue, ...script]),
      runOnMock(this.#target, this.#profile, script),
    ]);
    const answers = real.slice(prologue.length);
    this.#onAnswers?.(script, answers);
    const difference = compare(this.#target, script, answers, mock);
    return difference === null ? null : { script, answers, difference };
  }
}
