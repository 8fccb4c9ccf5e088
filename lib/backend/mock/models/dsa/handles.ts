/** The interrupt table that a handle refers to. */
export type HandleKind = 'msix' | 'ims';

interface Target {
  readonly kind: HandleKind;
  readonly index: number;
}

/**
 * Value of the lowest handle. Every handle is larger than every table index. A driver that uses a
 * table index as a handle therefore gets an error.
 */
const FIRST = 0x1000;
const LAST = 0xffff;

/**
 * Interrupt handles. A descriptor uses a handle to refer to a table entry. A released or revoked
 * handle is not allocated again until all other handles have been allocated.
 */
export class Handles {
  readonly #targets = new Map<number, Target>();
  #next = FIRST;

  /**
   * Returns the handle of a table entry. If the entry has no handle, allocates a new handle.
   * Returns null if all handles are in use.
   */
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

  /** Releases a handle. @returns false if the handle is unknown */
  release(kind: HandleKind, handle: number): boolean {
    return this.#targets.get(handle)?.kind === kind && this.#targets.delete(handle);
  }

  /**
   * Returns the index of the table entry to which a handle refers. Returns null if the handle is
   * unknown.
   */
  find(kind: HandleKind, handle: number): number | null {
    const target = this.#targets.get(handle);
    return target?.kind === kind ? target.index : null;
  }

  /**
   * Revokes the handle of each table entry that `matches` accepts.
   *
   * @returns the number of revoked handles
   */
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
