import fc from '../fast-check.js';
import { compare, type Difference } from './compare.js';
import { scripts } from './generate/index.js';
import { GuestDied, type Guest } from './guest.js';
import { runOnMock, type Profile } from './mock.js';
import { shorten } from './shorten.js';
import type { Answer, Op } from './script.js';
import type { Target } from './targets.js';

/** Number of scripts that one batch generates. */
const BATCH = 10;
/** Number of differences after which a device gets no further scripts. */
const MAX_DIFFERENCES = 5;
/** Time limit in milliseconds for shortening a script. Each attempt is a run in the guest. */
const SHORTENING_MS = 60_000;
/** Distance between the seeds of devices that run in parallel. */
const SEED_STRIDE = 1_000_003;

/** A shortened script to which the kernel and the mock gave different answers. */
export interface Verdict {
  readonly script: readonly Op[];
  readonly answers: readonly Answer[];
  readonly difference: Difference;
}

/** Results of a run. */
export interface Outcome {
  /** Number of operations that were compared. */
  operations: number;
  /** Scripts for which the mock and the kernel gave different answers in both runs. */
  readonly found: Verdict[];
  /**
   * Scripts for which the mock and the kernel gave different answers in only one run, because of
   * timing.
   */
  readonly unsteady: Verdict[];
  /**
   * Scripts that ended the guest in both runs, with the last lines of the guest's standard error.
   */
  readonly deadly: { readonly script: readonly Op[]; readonly lastWords: string }[];
}

type OnAnswers = (script: readonly Op[], answers: readonly Answer[]) => void;

/** Compares a mock device with the device in the guest. */
export class Judge {
  readonly outcome: Outcome = { operations: 0, found: [], unsteady: [], deadly: [] };
  readonly #guest: Guest;
  readonly #target: Target;
  readonly #profile: Profile;
  readonly #onAnswers: OnAnswers | null;
  /** The latest retry. The next retry starts when the latest retry has ended. */
  #lastRetry: Promise<unknown> = Promise.resolve();

  /**
   * @param onAnswers - function that receives each script and the kernel's answers; if given,
   *   scripts are not shortened
   */
  constructor(guest: Guest, target: Target, profile: Profile, onAnswers: OnAnswers | null) {
    this.#guest = guest;
    this.#target = target;
    this.#profile = profile;
    this.#onAnswers = onAnswers;
  }

  /**
   * Runs random scripts on devices of one kind in parallel, until enough operations were compared.
   * The same seed gives the same scripts.
   *
   * @param devices - names of the devices in the lab
   */
  async run(devices: readonly string[], seed: number, operations: number): Promise<void> {
    const share = operations / devices.length;
    await Promise.all(
      devices.map((device, lane) => this.#lane(device, seed + lane * SEED_STRIDE, share)),
    );
  }

  async #lane(device: string, seed: number, operations: number): Promise<void> {
    const { outcome } = this;
    let done = 0;
    for (let batch = 0; done < operations; batch++) {
      const generated = fc.sample(scripts(this.#target), {
        seed: seed + batch,
        numRuns: BATCH,
        // The bias of fast-check prefers short scripts. With short scripts, the guest would spend
        // most of its time on opening devices.
        unbiased: true,
      });
      for (const script of generated) {
        if (outcome.deadly.length >= MAX_DIFFERENCES) return;
        if (outcome.found.length >= MAX_DIFFERENCES && this.#onAnswers === null) return;
        const verdict = await this.#runScript(device, script);
        done += script.length;
        outcome.operations += script.length;
        if (verdict === null) continue;
        if (this.#onAnswers !== null) outcome.found.push(verdict);
        else outcome.found.push(await this.#shorten(device, verdict));
      }
    }
  }

  /** Runs a script. A difference counts only if a second run confirms it. */
  async #runScript(device: string, script: readonly Op[]): Promise<Verdict | null> {
    try {
      const first = await this.#compare(device, script);
      if (first === null) return null;
      const again = await this.#compare(device, script);
      if (again === null) this.outcome.unsteady.push(first);
      return again;
    } catch (error) {
      if (!(error instanceof GuestDied)) throw error;
      return this.#retryAlone(device, script);
    }
  }

  /**
   * Shortens a script. An attempt that ends the guest counts as an attempt without a difference.
   */
  #shorten(device: string, found: Verdict): Promise<Verdict> {
    const attempt = (script: readonly Op[]): Promise<Verdict | null> =>
      this.#compare(device, script).catch((error: unknown) => {
        if (error instanceof GuestDied) return null;
        throw error;
      });
    return shorten(found, attempt, SHORTENING_MS);
  }

  /**
   * Runs a script while no other script runs. If several scripts ran when the guest died, this run
   * shows which script is the cause.
   */
  #retryAlone(device: string, script: readonly Op[]): Promise<Verdict | null> {
    const retry = this.#lastRetry.then(async () => {
      try {
        return await this.#compare(device, script);
      } catch (error) {
        if (!(error instanceof GuestDied)) throw error;
        this.outcome.deadly.push({ script, lastWords: error.message });
        return null;
      }
    });
    this.#lastRetry = retry.catch(() => undefined);
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
