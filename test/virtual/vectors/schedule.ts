import type { Eventfd, EventSet } from 'vfio/mock';
import { FULL } from '../../full.js';

/** What became of the interrupts of one run. */
export interface Verdict {
  fired: number;
  delivered: number;
  /** A fire with no later delivery on its vector. */
  lost: number;
  /** The device fell back to INTx. */
  redirected: number;
  /** More deliveries on a vector than there may be: one a fire, one for all while it was masked. */
  duplicated: number;
  /** A delivery on a vector that nothing fired, or while it was masked. */
  wrong: number;
}

export function sum(verdicts: readonly Verdict[]): Verdict {
  const total = { fired: 0, delivered: 0, lost: 0, redirected: 0, duplicated: 0, wrong: 0 };
  for (const verdict of verdicts) {
    for (const key of Object.keys(total) as (keyof Verdict)[]) total[key] += verdict[key];
  }
  return total;
}

/** An eventfd that a kernel signals while others run: before and after each access is a step. */
class StepEventfd implements Eventfd {
  readonly fd = null;
  #count = 0n;

  constructor(
    private readonly schedule: Schedule,
    private readonly onSignal: () => void,
  ) {}

  signal(): void {
    this.#count++;
    this.onSignal();
  }

  read(): bigint {
    this.schedule.step();
    const count = this.#count;
    this.#count = 0n;
    this.schedule.step();
    return count;
  }

  close(): void {
    this.#count = 0n;
  }
}

/**
 * One run: the library's calls into the world outside are its steps, since only between them can
 * anything happen that it notices. At the chosen steps an interrupt fires.
 */
export class Schedule {
  readonly verdict = sum([]);
  /** What fires, at which step. */
  readonly #plan: ReadonlyMap<number, readonly number[]>;
  readonly #fire: (what: number) => void;
  /** Time of the last fire and of the last delivery, by vector. */
  readonly #fires = new Map<number, number>();
  readonly #deliveries = new Map<number, number>();
  readonly #causes = new Set<number>();
  readonly #masked = new Set<number>();
  /** Deliveries that there may be yet, by vector, and those with a fire since they were masked. */
  readonly #due = new Map<number, number>();
  readonly #held = new Set<number>();
  readonly #ready = new Map<StepEventfd, () => void>();
  #time = 0;
  #step = 0;
  #paused = true;

  constructor(plan: ReadonlyMap<number, readonly number[]>, fire: (what: number) => void) {
    this.#plan = plan;
    this.#fire = fire;
  }

  get steps(): number {
    return this.#step;
  }

  /** Something may happen here. */
  step(): void {
    if (this.#paused) return;
    const now = this.#plan.get(this.#step++) ?? [];
    for (const what of now) this.#fire(what);
  }

  /** Steps count from here on, until the end. */
  run(operation: () => void): void {
    this.#paused = false;
    this.step();
    operation();
    this.step();
    this.#paused = true;
  }

  /**
   * The device fired: by a message, by its pin instead, or by a message that may be delivered and
   * need not be.
   */
  fired(vector: number, way: 'message' | 'pin' | 'void' = 'message'): void {
    this.verdict.fired++;
    if (way === 'pin') this.verdict.redirected++;
    this.#causes.add(vector);
    if (way !== 'void') this.#fires.set(vector, ++this.#time);
    if (this.#masked.has(vector)) this.#held.add(vector);
    else this.#allow(vector, 1);
  }

  delivered(vector: number): void {
    this.verdict.delivered++;
    if (this.#masked.has(vector)) this.verdict.wrong++;
    this.#deliveries.set(vector, ++this.#time);
    if (this.#allow(vector, -1) < 0) this.verdict.duplicated++;
  }

  /** From now on nothing may be delivered there, or something may again. */
  masked(vector: number, masked: boolean): void {
    if (masked) {
      this.#masked.add(vector);
      return;
    }
    this.#masked.delete(vector);
    if (this.#held.delete(vector)) this.#allow(vector, 1);
  }

  #allow(vector: number, deliveries: number): number {
    const due = Math.max(0, this.#due.get(vector) ?? 0) + deliveries;
    this.#due.set(vector, due);
    return due;
  }

  /** The consumer's eventfd of a vector: a delivery is what is signalled to it. */
  consumer(vector: number): Eventfd {
    return new StepEventfd(this, () => {
      this.delivered(vector);
    });
  }

  createEventfd(): Eventfd {
    const eventfd: StepEventfd = new StepEventfd(this, () => {
      const notify = this.#watched.get(eventfd);
      if (notify !== undefined) this.#ready.set(eventfd, notify);
    });
    return eventfd;
  }

  readonly #watched = new Map<Eventfd, () => void>();

  createEventSet(capacity: number): EventSet {
    const fired = new Uint32Array(capacity);
    let onFired: (n: number) => void = () => undefined;
    const unused = (): never => {
      throw new Error('not used');
    };
    return {
      fired,
      counts: new BigUint64Array(capacity),
      add: (slot, eventfd) => {
        eventfd.read();
        this.#watched.set(eventfd, () => {
          fired[0] = slot;
          onFired(1);
        });
      },
      remove: unused,
      serve: (listener) => {
        onFired = listener;
      },
      pause: unused,
      wait: unused,
      spin: unused,
      ref: () => undefined,
      unref: () => undefined,
      close: () => undefined,
    };
  }

  /** A turn of the event loop. */
  turn(): void {
    const ready = [...this.#ready.values()];
    this.#ready.clear();
    for (const notify of ready) notify();
  }

  /** Everything was unmasked and the loop has turned: what did not arrive is lost. */
  end(): Verdict {
    for (const [vector, fired] of this.#fires) {
      if ((this.#deliveries.get(vector) ?? 0) < fired) this.verdict.lost++;
    }
    for (const vector of this.#deliveries.keys()) {
      if (!this.#causes.has(vector)) this.verdict.wrong++;
    }
    return this.verdict;
  }
}

/** One way through a scenario: what fires when, and after which operations the loop turns. */
export interface Interleaving {
  readonly plan: ReadonlyMap<number, readonly number[]>;
  readonly turns: (operation: number) => boolean;
}

/**
 * Runs a scenario in every interleaving of: one or two interrupts of a cause, each at any step, with
 * the event loop turning after all operations, after none, or after any single one. For two
 * interrupts the full run has all of that, the short one every fourth step and no single turns.
 *
 * @param scenario - runs it once; says how many steps and operations there were
 * @param pairs - whether two interrupts are tried as well
 */
export function explore(
  scenario: (interleaving: Interleaving) => { verdict: Verdict; steps: number; operations: number },
  causes: readonly number[],
  pairs = true,
): { runs: number; total: Verdict; failures: readonly string[] } {
  const { steps, operations } = scenario({ plan: new Map(), turns: () => false });
  const verdicts: Verdict[] = [];
  const failures: string[] = [];
  const attempt = (plan: Map<number, number[]>, thorough: boolean) => {
    const single = thorough ? Array.from({ length: operations }, (_, i) => i) : [];
    for (const when of ['always', 'never', ...single]) {
      const turns = (operation: number) => when === 'always' || operation === when;
      const { verdict } = scenario({ plan, turns });
      verdicts.push(verdict);
      const { lost, redirected, duplicated, wrong } = verdict;
      if (lost + redirected + duplicated + wrong > 0 && failures.length < 20) {
        const fires = JSON.stringify([...plan]);
        failures.push(`${fires}, turning ${when}: ${JSON.stringify(verdict)}`);
      }
    }
  };
  for (const cause of causes) {
    for (let first = 0; first < steps; first++) {
      attempt(new Map([[first, [cause]]]), true);
      attempt(new Map([[first, [cause, cause]]]), FULL);
      for (let second = first + 1; pairs && second < steps; second += FULL ? 1 : 4) {
        attempt(
          new Map([
            [first, [cause]],
            [second, [cause]],
          ]),
          FULL,
        );
      }
    }
  }
  return { runs: verdicts.length, total: sum(verdicts), failures };
}
