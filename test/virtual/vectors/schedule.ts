import type { Eventfd, EventSet } from 'vfio/mock';
import { FULL } from '../../full.js';

/** Counts of interrupts and deliveries in one run. */
export interface Verdict {
  fired: number;
  delivered: number;
  /** Interrupts that no later delivery of the same vector reported. */
  lost: number;
  /** Interrupts that the device sent by INTx. */
  redirected: number;
  /**
   * Deliveries beyond the allowed number. Each interrupt of an unmasked vector allows one delivery.
   * All interrupts of a masked vector together allow one delivery.
   */
  duplicated: number;
  /** Deliveries on a vector that never fired, and deliveries on a masked vector. */
  wrong: number;
}

function sum(verdicts: readonly Verdict[]): Verdict {
  const total = { fired: 0, delivered: 0, lost: 0, redirected: 0, duplicated: 0, wrong: 0 };
  for (const verdict of verdicts) {
    for (const key of Object.keys(total) as (keyof Verdict)[]) total[key] += verdict[key];
  }
  return total;
}

/**
 * An eventfd that makes a step before and after each read, because the kernel can signal the
 * eventfd at these times.
 */
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
 * One run of a scenario. Each call from the library to the device, the kernel or an eventfd is a
 * step. The library can notice a concurrent event only at a step. Interrupts fire at the chosen
 * steps.
 */
export class Schedule {
  readonly verdict = sum([]);
  /** For each step, the interrupts that fire at the step. */
  readonly #plan: ReadonlyMap<number, readonly number[]>;
  readonly #fire: (what: number) => void;
  /** Times of the last interrupt and of the last delivery of each vector. */
  readonly #fires = new Map<number, number>();
  readonly #deliveries = new Map<number, number>();
  readonly #causes = new Set<number>();
  readonly #masked = new Set<number>();
  /** Number of deliveries still allowed for each vector. */
  readonly #due = new Map<number, number>();
  /** Masked vectors that have fired since the mask. */
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

  /** Counts a step, and fires the interrupts that the plan contains for the step. */
  step(): void {
    if (this.#paused) return;
    const now = this.#plan.get(this.#step++) ?? [];
    for (const what of now) this.#fire(what);
  }

  /** Runs an operation. Only the steps of an operation are counted. */
  run(operation: () => void): void {
    this.#paused = false;
    this.step();
    operation();
    this.step();
    this.#paused = true;
  }

  /**
   * Records an interrupt of the device and how the interrupt was sent: by a message, by the INTx
   * pin, by a void message, or by a dropped message. The delivery of a void message is optional. A dropped message must not be
   * delivered.
   */
  fired(vector: number, way: 'message' | 'pin' | 'void' | 'dropped' = 'message'): void {
    this.verdict.fired++;
    if (way === 'pin') this.verdict.redirected++;
    this.#causes.add(vector);
    if (way === 'dropped') return;
    if (way !== 'void') this.#fires.set(vector, ++this.#time);
    if (this.#masked.has(vector)) this.#held.add(vector);
    else this.#allow(vector, 1);
  }

  /** Records a delivery to the consumer of a vector. */
  delivered(vector: number): void {
    this.verdict.delivered++;
    if (this.#masked.has(vector)) this.verdict.wrong++;
    this.#deliveries.set(vector, ++this.#time);
    if (this.#allow(vector, -1) < 0) this.verdict.duplicated++;
  }

  /** Records that a vector was masked or unmasked. A masked vector must not deliver interrupts. */
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

  /**
   * Returns an eventfd for the consumer of a vector. Each signal of the eventfd counts as a
   * delivery.
   */
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

  /** Performs a turn of the event loop: reports the eventfds that were signalled. */
  turn(): void {
    const ready = [...this.#ready.values()];
    this.#ready.clear();
    for (const notify of ready) notify();
  }

  /**
   * Counts lost and wrong interrupts, and returns the verdict. All vectors must be unmasked, and
   * the event loop must have turned.
   */
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

/**
 * One interleaving of a scenario: the interrupts at each step, and the times at which the event
 * loop turns.
 */
export interface Interleaving {
  readonly plan: ReadonlyMap<number, readonly number[]>;
  readonly turns: (operation: number) => boolean;
}

/**
 * Runs a scenario in all interleavings with one or two interrupts. The interrupts fire at every
 * step in turn. The event loop turns after every operation, after no operation, or after a single
 * operation. With two interrupts, the short run tries only every 20th step, and never turns the
 * event loop after a single operation. With one interrupt, the short run tries only every twelfth
 * operation as the single operation. The first of these operations is different at each step.
 *
 * @param scenario - runs one interleaving, and returns the verdict, the number of steps and the
 *   number of operations
 * @param causes - values to pass to the `fire` function of the schedule, one for each series of
 *   runs
 * @param pairs - whether to try also interleavings with two interrupts
 */
export function explore(
  scenario: (interleaving: Interleaving) => { verdict: Verdict; steps: number; operations: number },
  causes: readonly number[],
  pairs = true,
): { runs: number; total: Verdict; failures: readonly string[] } {
  const { steps, operations } = scenario({ plan: new Map(), turns: () => false });
  const verdicts: Verdict[] = [];
  const failures: string[] = [];
  const attempt = (plan: Map<number, number[]>, single: readonly number[]) => {
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
  const every = Array.from({ length: operations }, (_, i) => i);
  const ofPairs = FULL ? every : [];
  for (const cause of causes) {
    for (let first = 0; first < steps; first++) {
      const single = every.filter((i) => FULL || (first + i) % 12 === 0);
      attempt(new Map([[first, [cause]]]), single);
      attempt(new Map([[first, [cause, cause]]]), ofPairs);
      for (let second = first + 1; pairs && second < steps; second += FULL ? 1 : 20) {
        attempt(
          new Map([
            [first, [cause]],
            [second, [cause]],
          ]),
          ofPairs,
        );
      }
    }
  }
  return { runs: verdicts.length, total: sum(verdicts), failures };
}
