import { checkInteger, checkOptions, checkString } from '../../checks.js';
import { checkCpus } from '../../contract/call-arguments.js';
import { type BudgetOptions, Ledger, type Quota, type Usage } from './ledger.js';

/** The charge for one host vector. */
export interface VectorCharge {
  /** The charged CPU, or null if the budget does not count vectors per CPU. */
  readonly cpu: number | null;
  /**
   * Moves the charge to the CPU in `cpus` that serves the fewest vectors.
   * @throws {@link VfioError} ENOSPC if all CPUs in `cpus` are full
   */
  move(cpus: readonly number[]): void;
  /** Removes the charge from the owner and from the CPU. Idempotent. */
  refund(): void;
}

/**
 * Counts and limits the slots, host vectors and PASIDs of each owner, and the host vectors of each
 * CPU. If an owner has reached a limit, the next request of this owner fails with ENOSPC. A limit
 * of one owner does not affect other owners.
 */
export class Budget {
  readonly #ledger: Ledger;

  constructor(options: BudgetOptions = {}) {
    checkOptions(options, ['quota', 'cpus']);
    const { quota = {}, cpus } = options;
    checkQuota(quota);
    if (cpus !== undefined) {
      checkOptions(cpus, ['ids', 'vectors'], 'cpus');
      checkCpus(cpus.ids);
      checkInteger(cpus.vectors, 'cpus.vectors', 0, 2 ** 31 - 1);
    }
    this.#ledger = new Ledger(options);
  }

  /**
   * Sets the quota of one owner. If an owner already uses more than the new quota, the owner keeps
   * its slots, host vectors and PASIDs.
   */
  setQuota(owner: string, quota: Quota): void {
    checkString(owner, 'owner');
    checkQuota(quota);
    this.#ledger.setQuota(owner, quota);
  }

  /** Returns the account of one owner. */
  account(owner: string): Account {
    checkString(owner, 'owner');
    return createAccount(this.#ledger, owner);
  }

  /**
   * Returns the numbers of slots, host vectors and PASIDs that an owner uses now. If the owner is
   * unknown, the numbers are 0.
   */
  usage(owner: string): Usage {
    checkString(owner, 'owner');
    return this.#ledger.usage(owner);
  }

  /** Returns the number of host vectors in use on each CPU of the budget. */
  cpuUsage(): ReadonlyMap<number, number> {
    return this.#ledger.cpuUsage();
  }
}

/** Creates the {@link Account} of an owner. Programs call {@link Budget.account} instead. */
let createAccount: (ledger: Ledger, owner: string) => Account;

/** The account of one owner in a {@link Budget}. */
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

  /** The numbers of slots, host vectors and PASIDs that the owner uses now. */
  get usage(): Usage {
    return this.#ledger.usage(this.owner);
  }

  /** Charges one slot. @throws {@link VfioError} ENOSPC if the owner's quota is used up */
  chargeSlot(): void {
    this.#ledger.charge(this.owner, 'slots');
  }

  /** Removes the charge for one slot. */
  refundSlot(): void {
    this.#ledger.refund(this.owner, 'slots');
  }

  /**
   * Charges one PASID or other cookie.
   * @throws {@link VfioError} ENOSPC if the owner's quota is used up
   */
  chargePasid(): void {
    this.#ledger.charge(this.owner, 'pasids');
  }

  /** Removes the charge for one PASID. */
  refundPasid(): void {
    this.#ledger.refund(this.owner, 'pasids');
  }

  /**
   * Charges one host vector to the owner, and to the CPU in `cpus` that serves the fewest vectors.
   *
   * @param cpus - numbers of the CPUs to choose from. Default: all CPUs of the budget
   * @throws {@link VfioError} ENOSPC if the owner's quota is used up, or if all CPUs in `cpus` are
   *   full
   */
  chargeVector(cpus?: readonly number[]): VectorCharge {
    if (cpus !== undefined) checkCpus(cpus);
    const ledger = this.#ledger;
    const { owner } = this;
    ledger.charge(owner, 'vectors');
    let cpu: number | null;
    try {
      cpu = ledger.chargeCpu(cpus);
    } catch (error) {
      ledger.refund(owner, 'vectors');
      throw error;
    }
    let charged = true;
    return {
      get cpu() {
        return cpu;
      },
      move(others) {
        checkCpus(others);
        // The charge of the old CPU is removed first, so that the old CPU can be chosen again.
        ledger.refundCpu(cpu);
        try {
          cpu = ledger.chargeCpu(others);
        } catch (error) {
          if (cpu !== null) ledger.chargeCpu([cpu]);
          throw error;
        }
      },
      refund() {
        if (!charged) return;
        charged = false;
        ledger.refund(owner, 'vectors');
        ledger.refundCpu(cpu);
      },
    };
  }
}

function checkQuota(quota: Quota): void {
  checkOptions(quota, ['slots', 'vectors', 'pasids'], 'quota');
  const { slots, vectors, pasids } = quota;
  for (const [what, limit] of Object.entries({ slots, vectors, pasids })) {
    if (limit !== undefined) checkInteger(limit, `quota.${what}`, 0, Number.MAX_SAFE_INTEGER);
  }
}
