import type { MaskLine, VectorName } from './format.js';

/** One or more interrupts that one delivery was for, or none. */
export interface Interrupt {
  /** Of the first of them, as far as somebody saw it. */
  readonly raised: number | null;
  /** When the listeners were called, and when they were done. */
  readonly delivered: number | null;
  readonly done: number | null;
  readonly count: number;
  readonly state: 'delivered' | 'late' | 'lost';
}

export interface VectorTimeline extends VectorName {
  /** Times between which it had an eventfd. */
  readonly bound: { from: number; to: number | null }[];
  readonly interrupts: Interrupt[];
  readonly masks: { at: number; type: 'mask' | 'unmask' }[];
}

interface Signal {
  readonly at: number;
  readonly total: number | undefined;
}

interface Delivery {
  readonly at: number;
  readonly end: number;
  readonly total: number;
}

/** Tells the interrupts of one vector from each other. */
export class VectorBuilder {
  readonly #late: number;
  readonly #bound: { from: number; to: number | null }[] = [];
  readonly #masks: { at: number; type: 'mask' | 'unmask' }[] = [];
  readonly #interrupts: Interrupt[] = [];
  /** Since its eventfd is waited for. */
  #signals: Signal[] = [];
  #deliveries: Delivery[] = [];

  /** @param late - nanoseconds between an interrupt and its delivery that are too many */
  constructor(late: number) {
    this.#late = late;
  }

  bind(at: number): void {
    this.#bound.push({ from: at, to: null });
  }

  release(at: number): void {
    const last = this.#bound.at(-1);
    if (last !== undefined) last.to ??= at;
  }

  mask({ at, type }: MaskLine): void {
    this.#masks.push({ at, type });
  }

  /** In any order: who sees it from another thread tells of it when it gets to it. */
  signal(at: number, total: number | undefined): void {
    this.#signals.push({ at, total });
  }

  deliver(at: number, end: number, total: number): void {
    this.#deliveries.push({ at, end, total });
  }

  /** @param total - of all interrupts since its eventfd was waited for */
  leave(at: number, total: number): void {
    const signals = this.#signals.sort((a, b) => a.at - b.at);
    let before: Delivery = { at: -Infinity, end: -Infinity, total: 0 };
    const firstSince = (until: number): number | null => {
      const fresh = signals.find((signal) =>
        signal.total === undefined
          ? signal.at > before.at && signal.at <= until
          : signal.total > before.total,
      );
      return fresh === undefined ? null : Math.min(fresh.at, until);
    };
    for (const delivery of this.#deliveries) {
      const count = Math.max(delivery.total - before.total, 0);
      const raised = count === 0 ? null : firstSince(delivery.at);
      const late = raised !== null && delivery.at - raised > this.#late;
      this.#interrupts.push({
        raised,
        delivered: delivery.at,
        done: delivery.end,
        count,
        state: late ? 'late' : 'delivered',
      });
      before = { ...delivery, total: Math.max(delivery.total, before.total) };
    }
    const lost = total - before.total;
    if (lost > 0) {
      const raised = firstSince(at);
      this.#interrupts.push({ raised, delivered: null, done: at, count: lost, state: 'lost' });
    }
    this.#signals = [];
    this.#deliveries = [];
  }

  /** @param end - of the trace, where the program did not come to say that it leaves */
  finish(name: VectorName, end: number): VectorTimeline {
    this.leave(end, Math.max(0, ...this.#signals.map(({ total = 0 }) => total)));
    const [bound, masks, interrupts] = [this.#bound, this.#masks, this.#interrupts];
    return { ...name, bound, masks, interrupts };
  }
}
