import { VfioError } from '../../errors.js';

/** Limits of one owner. An omitted limit is infinite. */
export interface Quota {
  /** The largest number of slots that the owner can use. */
  readonly slots?: number | undefined;
  /**
   * The largest number of host vectors that the owner can use. One CPU can serve about 200 host
   * vectors.
   */
  readonly vectors?: number | undefined;
  /** The largest number of host PASIDs and other cookies that the owner can use in all domains. */
  readonly pasids?: number | undefined;
}

/** Options of `Budget`. */
export interface BudgetOptions {
  /** The default quota. `Budget.setQuota()` sets another quota for one owner. Default: no limit. */
  readonly quota?: Quota | undefined;
  /**
   * The CPUs, and the largest number of host vectors on each CPU. By default, vectors are not
   * counted per CPU.
   */
  readonly cpus?: { readonly ids: readonly number[]; readonly vectors: number } | undefined;
}

/** The numbers of slots, host vectors and PASIDs that an owner uses now. */
export interface Usage {
  readonly slots: number;
  readonly vectors: number;
  readonly pasids: number;
}

type MutableUsage = { -readonly [What in keyof Usage]: number };

/** The counters of a `Budget`: usage and limits of each owner, and usage of each CPU. */
export class Ledger {
  readonly #quota: Quota;
  readonly #quotas = new Map<string, Quota>();
  readonly #usage = new Map<string, MutableUsage>();
  readonly #cpus: Map<number, number>;
  readonly #vectorsPerCpu: number;

  constructor({ quota = {}, cpus }: BudgetOptions) {
    this.#quota = quota;
    this.#cpus = new Map((cpus?.ids ?? []).map((cpu) => [cpu, 0]));
    this.#vectorsPerCpu = cpus?.vectors ?? Infinity;
  }

  setQuota(owner: string, quota: Quota): void {
    this.#quotas.set(owner, quota);
  }

  usage(owner: string): Usage {
    return { ...this.#usageOf(owner) };
  }

  cpuUsage(): ReadonlyMap<number, number> {
    return new Map(this.#cpus);
  }

  /** Charges an owner for one resource. @throws VfioError ENOSPC if the quota is used up */
  charge(owner: string, what: keyof Usage): void {
    const limit = (this.#quotas.get(owner) ?? this.#quota)[what] ?? Infinity;
    const used = this.#usageOf(owner);
    if (used[what] >= limit) {
      throw new VfioError({
        code: 'ENOSPC',
        message: `'${owner}' uses all ${limit} ${what} of its quota`,
      });
    }
    used[what]++;
  }

  /** Reverses one call of {@link charge}. @throws RangeError if nothing is charged */
  refund(owner: string, what: keyof Usage): void {
    const used = this.#usageOf(owner);
    if (used[what] === 0) throw new RangeError(`'${owner}' has no ${what} to refund`);
    used[what]--;
  }

  /**
   * Charges one vector to the CPU that serves the fewest vectors.
   *
   * @param among - the CPUs to choose from; undefined for all
   * @returns the charged CPU, or null if vectors are not counted per CPU
   * @throws VfioError ENOSPC if all CPUs to choose from are full
   */
  chargeCpu(among: readonly number[] | undefined): number | null {
    if (this.#cpus.size === 0) return null;
    let best: number | null = null;
    for (const cpu of among ?? this.#cpus.keys()) {
      const used = this.#cpus.get(cpu) ?? Infinity;
      if (used < (best === null ? this.#vectorsPerCpu : (this.#cpus.get(best) ?? 0))) best = cpu;
    }
    if (best === null) {
      throw new VfioError({
        code: 'ENOSPC',
        message: `each of the CPUs already serves ${this.#vectorsPerCpu} vectors`,
      });
    }
    this.#cpus.set(best, (this.#cpus.get(best) ?? 0) + 1);
    return best;
  }

  /** Reverses one call of {@link chargeCpu}. */
  refundCpu(cpu: number | null): void {
    if (cpu !== null) this.#cpus.set(cpu, (this.#cpus.get(cpu) ?? 1) - 1);
  }

  #usageOf(owner: string): MutableUsage {
    let usage = this.#usage.get(owner);
    if (usage === undefined) this.#usage.set(owner, (usage = { slots: 0, vectors: 0, pasids: 0 }));
    return usage;
  }
}
