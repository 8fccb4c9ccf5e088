/** The interrupt table that a handle refers to. */
export type HandleKind = 'msix' | 'ims';

interface Target {
  readonly kind: HandleKind;
  readonly index: number;
}

/** Handles are larger than every table index, so that a driver which confuses the two fails. */
const FIRST = 0x1000;
const LAST = 0xffff;

/**
 * Interrupt handles, by which descriptors refer to table entries. A handle that was released or
 * revoked is allocated again only after all others.
 */
export class Handles {
  readonly #targets = new Map<number, Target>();
  #next = FIRST;

  /** Returns the handle of an entry, a new one if the entry has none; null if all are in use. */
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

  /** Releases a handle. @returns false for an unknown handle */
  release(kind: HandleKind, handle: number): boolean {
    return this.#targets.get(handle)?.kind === kind && this.#targets.delete(handle);
  }

  /** Returns the index of the entry that a handle refers to, or null for an unknown handle. */
  find(kind: HandleKind, handle: number): number | null {
    const target = this.#targets.get(handle);
    return target?.kind === kind ? target.index : null;
  }

  /** Revokes the handles of the entries that match. @returns the number of revoked handles */
  revoke(matches: (kind: HandleKind, index: number) => boolean): number {
    const before = this.#targets.size;
    for (const [handle, { kind, index }] of this.#targets) {
      if (matches(kind, index)) this.#targets.delete(handle);
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
