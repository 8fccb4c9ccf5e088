import type { Eventfd } from '../../contract/index.js';
import { checkInteger } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Account } from '../ims/budget.js';
import type { ImsDomain } from '../ims/domain.js';
import { canHold, type Cookie } from '../store/layout.js';
import type { PasidMap } from '../ims/pasid-map.js';
import type { Slot } from '../ims/slot.js';
import { ImsLines, type Line, type LineUser } from './ims-lines.js';
import type { VectorSink, VectorSource } from './source.js';

/** What an {@link ImsSource} may take from its domain, and for whom. */
export interface ImsSourceOptions {
  /** Vectors it serves: 1 to 2048. */
  readonly count: number;
  /** Whose quotas slots and host vectors count for. */
  readonly account?: Account | undefined;
  /** The guest's PASIDs: the default is the cookie of vectors that were given none. */
  readonly pasids?: PasidMap | undefined;
  /** Host vectors it may use; with fewer than vectors, some share. Default: one each. */
  readonly hostVectors?: number | undefined;
  /** CPUs to choose from, where the budget counts by CPU. */
  readonly cpus?: readonly number[] | undefined;
}

/** A vector with a slot. */
interface Entry extends LineUser {
  readonly slot: Slot;
  line: Line | null;
}

/**
 * Vectors backed by slots of an interrupt message store. The host vector of a slot is bound straight
 * to the consumer's eventfd, and a masked vector is masked in its slot, where the device keeps what
 * fires. Slots without mask and pending bits go through an eventfd of ours, for good: their host
 * vector cannot be moved without loss, since a slot sends past the mask of the host's own table.
 *
 * Vectors that share a host vector go through ours as well, and a signal counts for each of them
 * that may have fired: their consumers have to look.
 */
export class ImsSource implements VectorSource {
  readonly name = 'ims';
  readonly growable = true;
  readonly count: number;
  readonly #domain: ImsDomain;
  readonly #options: ImsSourceOptions;
  readonly #canHold: boolean;
  readonly #lines: ImsLines<Entry>;
  readonly #entries = new Map<number, Entry>();
  readonly #vectors = new Map<number, number>();
  readonly #cookies = new Map<number, Cookie>();
  /** Vectors whose cookie was revoked. */
  readonly #void = new Set<number>();
  #sink: VectorSink | null = null;

  constructor(domain: ImsDomain, options: ImsSourceOptions) {
    const { count, hostVectors = count, account, cpus, pasids } = options;
    checkInteger(count, 'count', 1, 2048);
    checkInteger(hostVectors, 'hostVectors', 1, count);
    this.count = count;
    this.#domain = domain;
    this.#options = options;
    this.#canHold = canHold(domain.layout);
    this.#lines = new ImsLines(domain, hostVectors, { account, cpus }, (entry) => {
      // A slot that is masked or silenced did not fire: it keeps, or is void.
      const silent = entry.slot.revoked || (entry.held && this.#canHold);
      if (!silent) this.#sink?.fire(entry.vector);
    });
    domain.on('revoking', this.#onRevoking);
    domain.on('revoked', this.#onRevoked);
    pasids?.on('unbound', this.#onUnbound);
  }

  /** {@inheritDoc VectorSource.connect} */
  connect(sink: VectorSink): void {
    if (this.#sink !== null) {
      throw new VfioError({ code: 'EBUSY', message: 'the source serves a table already' });
    }
    this.#sink = sink;
  }

  /** The slot behind a vector, from its allocation on; its `handle` goes into work descriptors. */
  slotOf(vector: number): Slot | undefined {
    return this.#entries.get(vector)?.slot;
  }

  /** The vector that a slot backs. */
  vectorOf(slot: number): number | undefined {
    return this.#vectors.get(slot);
  }

  /** {@inheritDoc VectorSource.allocate} */
  allocate(count: number, targets: readonly (Eventfd | null | undefined)[] = []): void {
    const fresh: Entry[] = [];
    try {
      for (let vector = 0; vector < count; vector++) {
        if (this.#sink?.serves(vector) === true) fresh.push(this.#allocate(vector));
      }
      targets.forEach((target, vector) => {
        if (target !== undefined) this.request(vector, target);
      });
    } catch (error) {
      for (const entry of fresh) this.#free(entry);
      throw error;
    }
  }

  /** {@inheritDoc VectorSource.request} */
  request(vector: number, target: Eventfd | null): void {
    const entry = this.#entries.get(vector) ?? this.#allocate(vector);
    if (entry.slot.revoked) {
      throw new VfioError({
        code: 'ESTALE',
        message: `the PASID of vector ${vector} was unbound`,
        hint: 'Set the cookie of the vector anew.',
      });
    }
    entry.target = target;
    entry.held = false;
    try {
      if (entry.line === null) entry.line = this.#lines.join(entry);
      else this.#lines.settle(entry.line);
      entry.slot.unmask();
    } catch (error) {
      this.release(vector);
      throw error;
    }
  }

  /** {@inheritDoc VectorSource.hold} */
  hold(vector: number): void {
    const entry = this.#entries.get(vector);
    if (entry === undefined || entry.line === null) return;
    if (this.#canHold) {
      entry.slot.mask();
      this.#lines.await(entry.line);
    }
    entry.held = true;
  }

  /** {@inheritDoc VectorSource.release} */
  release(vector: number): void {
    const entry = this.#entries.get(vector);
    if (entry === undefined) return;
    entry.slot.unprogram();
    if (entry.line !== null) this.#lines.leave(entry.line, entry);
    entry.line = null;
  }

  /** {@inheritDoc VectorSource.setCookie} */
  setCookie(vector: number, cookie: Cookie): void {
    checkInteger(vector, 'vector', 0, this.count - 1);
    this.#domain.checkCookie(cookie);
    const entry = this.#entries.get(vector);
    if (entry !== undefined) {
      const { revoked } = entry.slot;
      entry.slot.setCookie(cookie);
      if (revoked && entry.line !== null && !entry.held) entry.slot.unmask();
    }
    this.#cookies.set(vector, cookie);
    this.#void.delete(vector);
  }

  /** {@inheritDoc VectorSource.disable} */
  disable(): void {
    for (const entry of this.#entries.values()) {
      if (entry.slot.pending) this.#sink?.fire(entry.vector);
      this.#free(entry);
    }
    this.#lines.clear();
  }

  /** {@inheritDoc VectorSource.poll} */
  poll(vector: number): boolean {
    const entry = this.#entries.get(vector);
    if (entry === undefined) return false;
    if (entry.line !== null) this.#lines.drain(entry.line);
    return entry.slot.pending;
  }

  /** Frees everything and leaves the domain. Idempotent. */
  close(): void {
    this.disable();
    this.#domain.off('revoking', this.#onRevoking);
    this.#domain.off('revoked', this.#onRevoked);
    this.#options.pasids?.off('unbound', this.#onUnbound);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #allocate(vector: number): Entry {
    const known = this.#cookies.get(vector);
    const cookie = known === undefined ? (this.#options.pasids?.default ?? null) : known;
    const slot = this.#domain.allocate({ account: this.#options.account, cookie });
    const entry: Entry = { vector, slot, line: null, target: null, held: true };
    this.#entries.set(vector, entry);
    this.#vectors.set(slot.index, vector);
    if (this.#void.has(vector)) slot.revoke();
    return entry;
  }

  #free(entry: Entry): void {
    entry.slot.free();
    if (entry.line !== null) this.#lines.leave(entry.line, entry);
    entry.line = null;
    this.#entries.delete(entry.vector);
    this.#vectors.delete(entry.slot.index);
  }

  readonly #onUnbound = ({ host }: { readonly host: number }): void => {
    this.#domain.revoke(host);
  };

  readonly #onRevoking = (slots: readonly Slot[]): void => {
    for (const { index } of slots) {
      const line = this.#entries.get(this.#vectors.get(index) ?? -1)?.line ?? null;
      if (line !== null) this.#lines.await(line);
    }
  };

  readonly #onRevoked = (cookie: Cookie, slots: readonly Slot[]): void => {
    for (const [vector, own] of this.#cookies) if (own === cookie) this.#void.add(vector);
    for (const slot of slots) {
      const vector = this.#vectors.get(slot.index);
      if (vector !== undefined) this.#sink?.withdraw(vector);
    }
  };
}
