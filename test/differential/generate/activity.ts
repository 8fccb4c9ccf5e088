import type { Op } from '../script.js';

const SWITCHABLE = [0, 1, 2];
const DISABLE = 0x21;
const ENABLE = 0x24;

/**
 * Returns whether the arguments of a SET_IRQS are valid. A valid SET_IRQS can fail only because of
 * the state of the device.
 */
function isValid(
  { flags, start, count, fds, argsz }: Op,
  vectors: number,
  closed: ReadonlySet<unknown>,
): boolean {
  if (flags !== ENABLE || argsz !== undefined || !Array.isArray(fds)) return false;
  const first = start as number;
  const n = count as number;
  const fits = n >= 1 && n === fds.length && first + n <= vectors;
  return fits && fds.every((fd) => (typeof fd !== 'number' || fd < 0) && !closed.has(fd));
}

/**
 * Tracks which interrupt index is enabled after each operation of a script. After some operations,
 * the enabled index is unknown.
 */
export class Activity {
  readonly #vectors: readonly number[];
  /** Names of the eventfds that the script has closed. */
  readonly #closed = new Set<unknown>();
  #active: number | 'none' | 'unknown' = 'none';

  constructor(vectors: readonly number[]) {
    this.#vectors = vectors;
  }

  isCertainly(active: number | 'none'): boolean {
    return this.#active === active;
  }

  /** Returns whether the next operation can enable an index. */
  mayEnable(index: number): boolean {
    return this.#active === 'none' || this.#active === 'unknown' || this.#active === index;
  }

  /** Returns the operations that enable an index with one vector and without an eventfd. */
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

  /**
   * Updates the state after one operation of the script.
   *
   * @param ready - whether the device is in a state in which messages can be enabled
   */
  follow(op: Op, ready: boolean): void {
    if (op.op === 'eventfd_close') this.#closed.add(op.name);
    // The eventfds of the second connection are other eventfds. The close of the second connection
    // disables the indexes that the second connection has enabled.
    if (op.second === true || op.op === 'close_second') {
      this.#active = 'unknown';
      this.#disabled.clear();
      return;
    }
    const index = op.index as number;
    const vectors = this.#vectors[index] ?? 0;
    if (op.op !== 'set_irqs' || !SWITCHABLE.includes(index) || vectors === 0) return;
    const enabling = ((op.flags as number) & ENABLE) === ENABLE;
    if (this.#active === 'none' && enabling) {
      this.#active = ready && isValid(op, vectors, this.#closed) ? index : 'unknown';
    } else if (op.flags === DISABLE && op.count === 0 && op.start === 0) {
      if (this.#active === index) this.#active = 'none';
      else if (this.#active === 'unknown') this.#noteDisabled(index);
    } else {
      this.#disabled.clear();
    }
  }

  /**
   * The indexes that the script has disabled since the state became unknown. After the script has
   * disabled every index, the state is known again.
   */
  readonly #disabled = new Set<number>();

  #noteDisabled(index: number): void {
    this.#disabled.add(index);
    const all = SWITCHABLE.every((i) => (this.#vectors[i] ?? 0) === 0 || this.#disabled.has(i));
    if (!all) return;
    this.#disabled.clear();
    this.#active = 'none';
  }
}
