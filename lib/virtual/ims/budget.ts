import { checkInteger } from '../../checks.js';
import { Ledger } from './ledger.js';

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
  readonly #ledger: Ledger;

  constructor(options: BudgetOptions = {}) {
    const { quota = {}, cpus } = options;
    checkQuota(quota);
    for (const cpu of cpus?.ids ?? []) checkInteger(cpu, 'cpu', 0, 2 ** 31 - 1);
    if (cpus !== undefined) checkInteger(cpus.vectors, 'cpus.vectors', 0, 2 ** 31 - 1);
    this.#ledger = new Ledger(options);
  }

  /** Sets the quota of one owner. What it has beyond that it keeps. */
  setQuota(owner: string, quota: Quota): void {
    checkQuota(quota);
    this.#ledger.setQuota(owner, quota);
  }

  /** The part of one owner. */
  account(owner: string): Account {
    return createAccount(this.#ledger, owner);
  }

  /** What an owner has now; zeros for one that has taken nothing yet. */
  usage(owner: string): Usage {
    return this.#ledger.usage(owner);
  }

  /** Host vectors of each CPU that is counted. */
  cpuUsage(): ReadonlyMap<number, number> {
    return this.#ledger.cpuUsage();
  }
}

/** Makes the {@link Account} of an owner: users call {@link Budget.account}. */
let createAccount: (ledger: Ledger, owner: string) => Account;

/** What one owner takes from a {@link Budget}. */
export class Account {
  readonly owner: string;
  readonly #ledger: Ledger;

  static {
    createAccount = (ledger, owner) => new Account(ledger, owner);
  }

  private constructor(ledger: Ledger, owner: string) {
    this.#ledger = ledger;
    this.owner = owner;
  }

  /** What the owner has now. */
  get usage(): Usage {
    return this.#ledger.usage(this.owner);
  }

  /** Takes a slot. @throws {@link VfioError} ENOSPC if the owner's quota is used up */
  takeSlot(): void {
    this.#ledger.charge(this.owner, 'slots');
  }

  /** Gives one slot back: once for each that was taken. */
  giveBackSlot(): void {
    this.#ledger.release(this.owner, 'slots');
  }

  /**
   * Takes a host vector, on the CPU among these that has the fewest.
   * @throws {@link VfioError} ENOSPC if the owner's quota or the CPUs' budget is used up
   */
  takeVector(cpus?: readonly number[]): VectorCharge {
    const ledger = this.#ledger;
    const { owner } = this;
    ledger.charge(owner, 'vectors');
    let cpu: number | null;
    try {
      cpu = ledger.chargeCpu(cpus);
    } catch (error) {
      ledger.release(owner, 'vectors');
      throw error;
    }
    let taken = true;
    return {
      get cpu() {
        return cpu;
      },
      move(others) {
        // Its own place is free for it.
        ledger.releaseCpu(cpu);
        try {
          cpu = ledger.chargeCpu(others);
        } catch (error) {
          if (cpu !== null) ledger.chargeCpu([cpu]);
          throw error;
        }
      },
      giveBack() {
        if (!taken) return;
        taken = false;
        ledger.release(owner, 'vectors');
        ledger.releaseCpu(cpu);
      },
    };
  }
}

function checkQuota({ slots, vectors }: Quota): void {
  for (const [what, limit] of Object.entries({ slots, vectors })) {
    if (limit !== undefined) checkInteger(limit, `quota.${what}`, 0, Number.MAX_SAFE_INTEGER);
  }
}
