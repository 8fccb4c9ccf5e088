import { VfioError } from '../../errors.js';
import { checkInteger } from '../../checks.js';

/** How much one owner may have; what is left out is not limited. */
export interface Quota {
  /** Slots of an interrupt message store. */
  readonly slots?: number | undefined;
  /** Vectors of the host: what a CPU has about 200 of. */
  readonly vectors?: number | undefined;
}

/** What a {@link Budget} limits. */
export interface BudgetOptions {
  /** For owners that have no quota of their own. */
  readonly quota?: Quota | undefined;
  /** The CPUs, and how many host vectors each of them may serve. Default: not counted by CPU. */
  readonly cpus?: { readonly ids: readonly number[]; readonly vectors: number } | undefined;
}

/** What an owner has now. */
export interface Usage {
  readonly slots: number;
  readonly vectors: number;
}

/** A host vector that was taken. */
export interface VectorCharge {
  /** The CPU it counts for, or null where CPUs are not counted. */
  readonly cpu: number | null;
  /** Counts it for another CPU, the one of these with the fewest. @throws {@link VfioError} ENOSPC */
  move(cpus: readonly number[]): void;
  /** Idempotent. */
  giveBack(): void;
}

/**
 * Who has how much of what is scarce: slots, host vectors, and host vectors of each CPU. Whoever
 * reaches a limit gets ENOSPC, and nobody else is affected.
 */
export class Budget {
  readonly #quota: Quota;
  readonly #quotas = new Map<string, Quota>();
  readonly #usage = new Map<string, { slots: number; vectors: number }>();
  readonly #cpus = new Map<number, number>();
  readonly #vectorsPerCpu: number;

  constructor({ quota = {}, cpus }: BudgetOptions = {}) {
    checkQuota(quota);
    for (const cpu of cpus?.ids ?? []) {
      checkInteger(cpu, 'cpu', 0, 2 ** 31 - 1);
      this.#cpus.set(cpu, 0);
    }
    if (cpus !== undefined) checkInteger(cpus.vectors, 'cpus.vectors', 0, 2 ** 31 - 1);
    this.#quota = quota;
    this.#vectorsPerCpu = cpus?.vectors ?? Infinity;
  }

  /** Sets the quota of one owner. What it has beyond that it keeps. */
  setQuota(owner: string, quota: Quota): void {
    checkQuota(quota);
    this.#quotas.set(owner, quota);
  }

  /** The part of one owner. */
  account(owner: string): Account {
    return new Account(this, owner);
  }

  /** What an owner has now; zeros for one that has taken nothing yet. */
  usage(owner: string): Usage {
    const { slots, vectors } = this.#of(owner);
    return { slots, vectors };
  }

  /** Host vectors of each CPU that is counted. */
  cpuUsage(): ReadonlyMap<number, number> {
    return new Map(this.#cpus);
  }

  /** @internal */
  take(owner: string, what: keyof Usage): void {
    const limit = (this.#quotas.get(owner) ?? this.#quota)[what] ?? Infinity;
    const used = this.#of(owner);
    if (used[what] >= limit) {
      throw new VfioError({ code: 'ENOSPC', message: `'${owner}' has all its ${limit} ${what}` });
    }
    used[what]++;
  }

  /** @internal */
  giveBack(owner: string, what: keyof Usage): void {
    this.#of(owner)[what]--;
  }

  /** @internal @returns null where CPUs are not counted */
  takeCpu(among: readonly number[] | undefined): number | null {
    if (this.#cpus.size === 0) return null;
    let best: number | null = null;
    for (const cpu of among ?? this.#cpus.keys()) {
      const used = this.#cpus.get(cpu) ?? Infinity;
      if (used < (best === null ? this.#vectorsPerCpu : (this.#cpus.get(best) ?? 0))) best = cpu;
    }
    if (best === null) {
      throw new VfioError({
        code: 'ENOSPC',
        message: `the CPUs have all their ${this.#vectorsPerCpu} vectors`,
      });
    }
    this.#cpus.set(best, (this.#cpus.get(best) ?? 0) + 1);
    return best;
  }

  /** @internal */
  giveBackCpu(cpu: number | null): void {
    if (cpu !== null) this.#cpus.set(cpu, (this.#cpus.get(cpu) ?? 1) - 1);
  }

  #of(owner: string): { slots: number; vectors: number } {
    let usage = this.#usage.get(owner);
    if (usage === undefined) this.#usage.set(owner, (usage = { slots: 0, vectors: 0 }));
    return usage;
  }
}

/** What one owner takes from a {@link Budget}. */
export class Account {
  readonly owner: string;
  readonly #budget: Budget;

  /** @internal */
  constructor(budget: Budget, owner: string) {
    this.#budget = budget;
    this.owner = owner;
  }

  /** What the owner has now. */
  get usage(): Usage {
    return this.#budget.usage(this.owner);
  }

  /** Takes a slot. @throws {@link VfioError} ENOSPC if the owner's quota is used up */
  takeSlot(): void {
    this.#budget.take(this.owner, 'slots');
  }

  /** Gives one slot back: once for each that was taken. */
  giveBackSlot(): void {
    this.#budget.giveBack(this.owner, 'slots');
  }

  /**
   * Takes a host vector, on the CPU among these that has the fewest.
   * @throws {@link VfioError} ENOSPC if the owner's quota or the CPUs' budget is used up
   */
  takeVector(cpus?: readonly number[]): VectorCharge {
    const budget = this.#budget;
    const { owner } = this;
    budget.take(owner, 'vectors');
    let cpu: number | null;
    try {
      cpu = budget.takeCpu(cpus);
    } catch (error) {
      budget.giveBack(owner, 'vectors');
      throw error;
    }
    let taken = true;
    return {
      get cpu() {
        return cpu;
      },
      move(others) {
        // Its own place is free for it.
        budget.giveBackCpu(cpu);
        try {
          cpu = budget.takeCpu(others);
        } catch (error) {
          if (cpu !== null) budget.takeCpu([cpu]);
          throw error;
        }
      },
      giveBack() {
        if (!taken) return;
        taken = false;
        budget.giveBack(owner, 'vectors');
        budget.giveBackCpu(cpu);
      },
    };
  }
}

function checkQuota({ slots, vectors }: Quota): void {
  for (const [what, limit] of Object.entries({ slots, vectors })) {
    if (limit !== undefined) checkInteger(limit, `quota.${what}`, 0, Number.MAX_SAFE_INTEGER);
  }
}
