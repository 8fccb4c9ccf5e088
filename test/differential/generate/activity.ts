import type { Op } from '../script.js';

const SWITCHABLE = [0, 1, 2];
const DISABLE = 0x21;
const ENABLE = 0x24;

/** Whether nothing but what the device has can make it fail. */
function isClean({ flags, start, count, fds, argsz }: Op, vectors: number): boolean {
  if (flags !== ENABLE || argsz !== undefined || !Array.isArray(fds)) return false;
  const first = start as number;
  const n = count as number;
  const fits = n >= 1 && n === fds.length && first + n <= vectors;
  return fits && fds.every((fd) => typeof fd !== 'number' || fd < 0);
}

/** Which interrupt index is enabled, where a script leaves no doubt. */
export class Activity {
  readonly #vectors: readonly number[];
  #active: number | 'none' | 'unknown' = 'none';

  constructor(vectors: readonly number[]) {
    this.#vectors = vectors;
  }

  isCertainly(active: number | 'none'): boolean {
    return this.#active === active;
  }

  /** Whether an index may be enabled next. */
  mayEnable(index: number): boolean {
    return this.#active === 'none' || this.#active === 'unknown' || this.#active === index;
  }

  /** What makes sure that an index is enabled, with one vector that nobody listens to. */
  enable(index: number): Op[] {
    if (this.#active === index) return [];
    const set = { op: 'set_irqs', start: 0 };
    const others = this.#active === 'none' ? [] : SWITCHABLE;
    return [
      ...others
        .filter((other) => (this.#vectors[other] ?? 0) > 0)
        .map((other) => ({ ...set, index: other, flags: DISABLE, count: 0 })),
      { ...set, index, flags: ENABLE, count: 1, fds: [null] },
    ];
  }

  /** @param ready - whether messages can be enabled in the state the device is in */
  follow(op: Op, ready: boolean): void {
    const index = op.index as number;
    const vectors = this.#vectors[index] ?? 0;
    if (op.op !== 'set_irqs' || !SWITCHABLE.includes(index) || vectors === 0) return;
    const enabling = ((op.flags as number) & ENABLE) === ENABLE;
    if (this.#active === 'none' && enabling) {
      this.#active = ready && isClean(op, vectors) ? index : 'unknown';
    } else if (op.flags === DISABLE && op.count === 0 && op.start === 0) {
      if (this.#active === index) this.#active = 'none';
      else if (this.#active === 'unknown') this.#doubt(index);
    } else {
      this.#doubts.clear();
    }
  }

  /** Indexes that were disabled since it was last certain; all of them, and nothing is enabled. */
  readonly #doubts = new Set<number>();

  #doubt(index: number): void {
    this.#doubts.add(index);
    const all = SWITCHABLE.every((i) => (this.#vectors[i] ?? 0) === 0 || this.#doubts.has(i));
    if (!all) return;
    this.#doubts.clear();
    this.#active = 'none';
  }
}
