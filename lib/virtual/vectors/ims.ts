import type { Eventfd } from '../../contract/index.js';
import { checkChoice, checkInstance, checkInteger, checkOptions } from '../../checks.js';
import { checkCpus } from '../../contract/call-arguments.js';
import { checkEventfd } from '../../contract/eventfd.js';
import { VfioError } from '../../errors.js';
import { Account } from '../ims/budget.js';
import type { Owner } from '../ims/cookie-claims.js';
import { domainInternals, type DomainUser, ImsDomain } from '../ims/domain.js';
import { canHold, type Cookie } from '../store/layout.js';
import { PasidMap } from '../ims/pasid-map.js';
import type { Slot } from '../ims/slot.js';
import { checkAllocation, checkSink } from './arguments.js';
import { HostVectorPool, type PooledVector, type VectorUser } from './host-vector-pool.js';
import type { VectorSink, VectorSource } from './source.js';

const OPTIONS = [
  'count',
  'account',
  'pasids',
  'defaultCookie',
  'hostVectors',
  'onExhausted',
  'cpus',
];

/** Options of {@link ImsSource}. */
export interface ImsSourceOptions {
  /** Number of vectors: 1 to 2048. */
  readonly count: number;
  /**
   * The account to charge for slots, host vectors and PASIDs. PASIDs are charged to the account of
   * the first source that uses the PASIDs in the domain. Default: none.
   */
  readonly account?: Account | undefined;
  /**
   * The guest's PASIDs. A vector without a cookie of its own has the default PASID as its cookie.
   */
  readonly pasids?: PasidMap | undefined;
  /**
   * The cookie of the vectors without a cookie of their own, for a source without `pasids`. Default:
   * null. If the layout has no enable bit, `defaultCookie` or `pasids` is required.
   */
  readonly defaultCookie?: Cookie | undefined;
  /**
   * The largest number of host vectors: 1 to `count`. If there are fewer host vectors than `count`,
   * virtual vectors share host vectors. Default: `count`.
   */
  readonly hostVectors?: number | undefined;
  /**
   * What happens if the host or the budget has no host vector left for a vector. With `'fail'`, the
   * request of the vector fails with ENOSPC. With `'share'`, the vector shares the host vector of
   * this source that the fewest vectors use. The request still fails if the source has no host
   * vector yet. Default: `'fail'`.
   */
  readonly onExhausted?: 'fail' | 'share' | undefined;
  /**
   * The CPUs that can serve the host vectors, if the budget limits vectors per CPU. Default: all
   * CPUs of the budget.
   */
  readonly cpus?: readonly number[] | undefined;
}

/** A virtual vector with its slot. A requested vector also has a host vector. */
interface Entry extends VectorUser {
  readonly slot: Slot;
  host: PooledVector | null;
}

/**
 * Vectors backed by slots of an interrupt message store. The host vector of a slot is bound
 * directly to the consumer's eventfd. Masking a vector masks its slot; the device then holds the
 * interrupt.
 *
 * If the slots lack a mask bit or a pending bit, their host vectors stay bound to eventfds of this
 * source. A bind to another eventfd would lose interrupts, because a slot ignores the mask bits of
 * the host's MSI-X table.
 *
 * Vectors that share a host vector also use an eventfd of this source. A signal of a shared host
 * vector is delivered to each virtual vector that has possibly fired. Each consumer must therefore
 * check the device.
 */
export class ImsSource implements VectorSource {
  readonly name = 'ims';
  readonly growable = true;
  readonly count: number;
  readonly #domain: ImsDomain;
  readonly #options: ImsSourceOptions;
  readonly #canHold: boolean;
  readonly #pool: HostVectorPool<Entry>;
  readonly #entries = new Map<number, Entry>();
  readonly #vectors = new Map<number, number>();
  /** The cookies of vectors that have a cookie of their own. */
  readonly #cookies = new Map<number, Cookie>();
  /** Vectors that wait for a cookie. */
  readonly #silent = new Set<number>();
  readonly #user: DomainUser;
  readonly #owner: Owner;
  #sink: VectorSink | null = null;
  #closed = false;

  /**
   * @throws TypeError if an option is unknown or has a wrong type; RangeError if a number is out of
   *   range, or the default cookie does not fit into the field of the layout
   * @throws {@link VfioError} EEXIST if the default cookie or a bound PASID belongs to another
   *   owner; ENOSPC if the quota of PASIDs is used up; EINVAL if there is no default cookie, but the
   *   device checks every slot or other guests use the domain; ENOTSUP if there is a default cookie,
   *   but the slots have no cookie
   */
  constructor(domain: ImsDomain, options: ImsSourceOptions) {
    checkInstance(domain, 'domain', ImsDomain);
    checkOptions(options, OPTIONS);
    const { count, hostVectors = count, account, cpus, pasids, onExhausted = 'fail' } = options;
    checkInteger(count, 'count', 1, 2048);
    checkInteger(hostVectors, 'hostVectors', 1, count);
    if (account !== undefined) checkInstance(account, 'account', Account);
    if (pasids !== undefined) checkInstance(pasids, 'pasids', PasidMap);
    if (cpus !== undefined) checkCpus(cpus);
    checkChoice(onExhausted, 'onExhausted', ['fail', 'share']);
    if (pasids !== undefined && options.defaultCookie !== undefined) {
      throw new TypeError('pasids and defaultCookie exclude each other');
    }
    this.count = count;
    this.#domain = domain;
    this.#options = options;
    this.#canHold = canHold(domain.layout);
    const shares = onExhausted === 'share';
    this.#pool = new HostVectorPool(domain, { hostVectors, account, cpus, shares }, (entry) => {
      // If this slot is masked or silent, another slot has fired. A masked slot holds its
      // interrupt, and a silent slot cannot send an interrupt.
      const quiet = entry.slot.silent || (entry.masked && this.#canHold);
      if (!quiet) this.#sink?.fire(entry.vector);
    });
    this.#user = {
      pasids,
      defaultCookie: pasids?.default ?? options.defaultCookie ?? null,
      account,
      onRevoking: (slots) => {
        this.#onRevoking(slots);
      },
      onRevoked: (cookie, slots) => {
        this.#onRevoked(cookie, slots);
      },
    };
    this.#owner = domainInternals.join(domain, this.#user);
  }

  /** {@inheritDoc VectorSource.connect} */
  connect(sink: VectorSink): void {
    checkSink(sink, this.#sink);
    this.#sink = sink;
  }

  /**
   * Returns the slot of a vector, or undefined if the vector is not allocated. Drivers put the
   * `handle` of the slot into work descriptors.
   */
  slotOf(vector: number): Slot | undefined {
    return this.#entries.get(vector)?.slot;
  }

  /** Returns the vector that uses a slot. @param slot - index of the slot */
  vectorOf(slot: number): number | undefined {
    return this.#vectors.get(slot);
  }

  /** {@inheritDoc VectorSource.allocate} */
  allocate(count: number, targets: readonly (Eventfd | null | undefined)[] = []): void {
    checkAllocation(count, targets, this.count);
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
    checkInteger(vector, 'vector', 0, this.count - 1);
    if (target !== null) checkEventfd(target, 'target');
    const allocated = this.#entries.get(vector);
    const entry = allocated ?? this.#allocate(vector);
    entry.target = target;
    entry.masked = false;
    try {
      if (entry.host === null) entry.host = this.#pool.assign(entry);
      else this.#pool.rebind(entry.host);
      entry.slot.unmask();
    } catch (error) {
      // A program can know the handle of a slot that was allocated before, so this slot is kept.
      if (allocated === undefined) this.#free(entry);
      else this.release(vector);
      throw error;
    }
  }

  /** {@inheritDoc VectorSource.hold} */
  hold(vector: number): void {
    checkInteger(vector, 'vector', 0, this.count - 1);
    const entry = this.#entries.get(vector);
    if (entry === undefined || entry.host === null) return;
    if (this.#canHold) {
      entry.slot.mask();
      this.#pool.synchronize(entry.host);
    }
    entry.masked = true;
  }

  /** {@inheritDoc VectorSource.release} */
  release(vector: number): void {
    checkInteger(vector, 'vector', 0, this.count - 1);
    const entry = this.#entries.get(vector);
    if (entry === undefined) return;
    entry.slot.unprogram();
    if (entry.host !== null) this.#pool.release(entry.host, entry);
    entry.host = null;
  }

  /**
   * {@inheritDoc VectorSource.setCookie}
   * @throws {@link VfioError} EEXIST if the cookie belongs to another owner in the domain
   */
  setCookie(vector: number, cookie: Cookie): void {
    this.#checkOpen();
    checkInteger(vector, 'vector', 0, this.count - 1);
    this.#owner.claim(cookie);
    try {
      this.#entries.get(vector)?.slot.setCookie(cookie);
    } catch (error) {
      this.#owner.release(cookie);
      throw error;
    }
    this.#forgetCookie(vector);
    this.#cookies.set(vector, cookie);
    this.#silent.delete(vector);
  }

  /** {@inheritDoc VectorSource.silence} */
  silence(vector: number): void {
    this.#checkOpen();
    checkInteger(vector, 'vector', 0, this.count - 1);
    if (this.#domain.layout.cookie === undefined) {
      throw new VfioError({ code: 'ENOTSUP', message: 'the slots of the domain have no cookie' });
    }
    const entry = this.#entries.get(vector);
    if (entry !== undefined) {
      if (entry.host !== null) this.#pool.synchronize(entry.host);
      if (entry.slot.silence()) this.#sink?.fire(vector);
    }
    this.#forgetCookie(vector);
    this.#silent.add(vector);
  }

  /** {@inheritDoc VectorSource.disable} */
  disable(): void {
    for (const entry of this.#entries.values()) {
      if (entry.slot.pending) this.#sink?.fire(entry.vector);
      this.#free(entry);
    }
    this.#pool.clear();
  }

  /** {@inheritDoc VectorSource.poll} */
  poll(vector: number): boolean {
    checkInteger(vector, 'vector', 0, this.count - 1);
    const entry = this.#entries.get(vector);
    if (entry === undefined) return false;
    if (entry.host !== null) this.#pool.drain(entry.host);
    return entry.slot.pending;
  }

  /**
   * Frees all slots and host vectors. If no other source uses the PASIDs, other owners can then get
   * the PASIDs. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.disable();
    this.#closed = true;
    for (const vector of [...this.#cookies.keys()]) this.#forgetCookie(vector);
    domainInternals.leave(this.#domain, this.#user, this.#owner);
  }

  /** Calls {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #allocate(vector: number): Entry {
    this.#checkOpen();
    const own = this.#cookies.get(vector);
    const cookie = own === undefined ? this.#user.defaultCookie : own;
    const { account } = this.#options;
    const slot = domainInternals.allocate(this.#domain, this.#owner, { account, cookie });
    if (this.#silent.has(vector)) slot.silence();
    const entry: Entry = { vector, slot, host: null, target: null, masked: true };
    this.#entries.set(vector, entry);
    this.#vectors.set(slot.index, vector);
    return entry;
  }

  #free(entry: Entry): void {
    entry.slot.free();
    if (entry.host !== null) this.#pool.release(entry.host, entry);
    entry.host = null;
    this.#entries.delete(entry.vector);
    this.#vectors.delete(entry.slot.index);
  }

  #forgetCookie(vector: number): void {
    const cookie = this.#cookies.get(vector);
    if (cookie === undefined) return;
    this.#cookies.delete(vector);
    this.#owner.release(cookie);
  }

  #onRevoking(slots: readonly Slot[]): void {
    for (const { index } of slots) {
      const host = this.#entries.get(this.#vectors.get(index) ?? -1)?.host ?? null;
      if (host !== null) this.#pool.synchronize(host);
    }
  }

  #onRevoked(cookie: Cookie, slots: readonly Slot[]): void {
    const revoked = new Set(slots.flatMap(({ index }) => this.#vectors.get(index) ?? []));
    for (const vector of revoked) this.#sink?.withdraw(vector);
    for (const [vector, own] of this.#cookies) if (own === cookie) revoked.add(vector);
    for (const vector of revoked) {
      this.#forgetCookie(vector);
      this.#silent.add(vector);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new VfioError({ code: 'EBADF', message: 'the source is closed' });
  }
}
