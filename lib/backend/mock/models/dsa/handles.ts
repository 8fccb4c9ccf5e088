/** The table that an interrupt handle leads into. */
export type HandleKind = 'msix' | 'ims';

interface Target {
  readonly kind: HandleKind;
  readonly index: number;
}

/** No handle is the index of a table entry, so that a driver that mixes them up is found out. */
const FIRST = 0x1000;
const LAST = 0xffff;

/**
 * Interrupt handles: what descriptors name table entries by. One that was released or revoked is
 * not given out again before all others were.
 */
export class Handles {
  readonly #targets = new Map<number, Target>();
  #next = FIRST;

  /** The handle of an entry, the same until it is released or revoked; null if there is none left. */
  request(kind: HandleKind, index: number): number | null {
    for (const [handle, target] of this.#targets) {
      if (target.kind === kind && target.index === index) return handle;
    }
    if (this.#targets.size > LAST - FIRST) return null;
    while (this.#targets.has(this.#next)) this.#advance();
    const handle = this.#next;
    this.#advance();
    this.#targets.set(handle, { kind, index });
    return handle;
  }

  /** @returns whether there was such a handle */
  release(kind: HandleKind, handle: number): boolean {
    return this.#targets.get(handle)?.kind === kind && this.#targets.delete(handle);
  }

  /** The entry behind a handle. */
  find(kind: HandleKind, handle: number): number | null {
    const target = this.#targets.get(handle);
    return target?.kind === kind ? target.index : null;
  }

  /** @returns how many handles were taken away */
  revoke(revokes: (kind: HandleKind, index: number) => boolean): number {
    const before = this.#targets.size;
    for (const [handle, { kind, index }] of this.#targets) {
      if (revokes(kind, index)) this.#targets.delete(handle);
    }
    return before - this.#targets.size;
  }

  reset(): void {
    this.#targets.clear();
  }

  #advance(): void {
    this.#next = this.#next === LAST ? FIRST : this.#next + 1;
  }
}
