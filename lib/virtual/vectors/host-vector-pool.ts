import type { Eventfd } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { Account } from '../ims/budget.js';
import type { ImsDomain } from '../ims/domain.js';
import { canHold } from '../store/layout.js';
import type { HostVector } from '../ims/host-vector.js';
import type { Slot } from '../ims/slot.js';
import { WatchedEventfds } from './watched-eventfds.js';

/** A virtual vector that uses a host vector. */
export interface VectorUser {
  readonly vector: number;
  readonly slot: Slot;
  /** The consumer's eventfd, or null to report interrupts to the table. */
  target: Eventfd | null;
  masked: boolean;
}

/** A host vector, and the virtual vectors that use the host vector. */
export interface PooledVector {
  readonly id: number;
  readonly host: HostVector;
  readonly users: Set<VectorUser>;
}

/** Options of {@link HostVectorPool}. */
export interface PoolOptions {
  /** The largest number of host vectors to allocate. */
  readonly hostVectors: number;
  /** The account to charge for host vectors. */
  readonly account: Account | undefined;
  /** The CPUs that can serve the host vectors. */
  readonly cpus: readonly number[] | undefined;
  /** Whether virtual vectors share a host vector if the host or the budget has no vector left. */
  readonly shares: boolean;
}

/**
 * The host vectors of a source. When all host vectors are in use, the next virtual vector shares a
 * host vector. Vectors of different sources never share a host vector.
 */
export class HostVectorPool<User extends VectorUser> {
  readonly #domain: ImsDomain;
  readonly #options: PoolOptions;
  readonly #pooled = new Map<number, PooledVector & { users: Set<User> }>();
  readonly #eventfds: WatchedEventfds;
  readonly #canHold: boolean;

  /** @param onSignal - called for each virtual vector that has possibly fired */
  constructor(domain: ImsDomain, options: PoolOptions, onSignal: (user: User) => void) {
    this.#domain = domain;
    this.#options = options;
    this.#canHold = canHold(domain.layout);
    this.#eventfds = new WatchedEventfds(domain.hostVectors, options.hostVectors, (id) => {
      for (const user of this.#pooled.get(id)?.users ?? []) onSignal(user);
    });
  }

  /**
   * Assigns a host vector to a virtual vector, and programs the slot of the virtual vector.
   * @throws VfioError ENOSPC if the host or the budget has no vector left, and the source does not
   *   share host vectors in this case
   */
  assign(user: User): PooledVector {
    const vector = this.#choose(user);
    vector.users.add(user);
    try {
      this.rebind(vector);
      user.slot.program(vector.host);
    } catch (error) {
      this.release(vector, user);
      throw error;
    }
    return vector;
  }

  /**
   * Binds a host vector to the consumer's eventfd or to the pool's own eventfd. Then reads the
   * pool's own eventfd, so that a signal from before the bind is not lost.
   */
  rebind(vector: PooledVector): void {
    const target = this.#targetOf(vector);
    if (target !== vector.host.target) vector.host.bind(target);
    this.#eventfds.drain(vector.id);
  }

  /**
   * Detaches a virtual vector from its host vector. If no other virtual vector uses the host
   * vector, frees the host vector. Before the call, the caller must silence the slot of the virtual
   * vector. Interrupts that the slot sent before the call are still reported.
   */
  release(vector: PooledVector, user: User): void {
    this.synchronize(vector);
    vector.users.delete(user);
    if (vector.users.size > 0) return;
    this.#pooled.delete(vector.id);
    vector.host.close();
    this.#eventfds.discard(vector.id);
  }

  /**
   * Waits for the interrupts that are under way, then reports the signals of the pool's own
   * eventfd.
   */
  synchronize(vector: PooledVector): void {
    vector.host.synchronize();
    this.#eventfds.drain(vector.id);
  }

  /** Reports the signals of the pool's own eventfd. */
  drain(vector: PooledVector): void {
    this.#eventfds.drain(vector.id);
  }

  /** Closes the pool's own eventfds. Before the call, all virtual vectors must be released. */
  clear(): void {
    this.#eventfds.clear();
  }

  /**
   * Returns the consumer's eventfd if one virtual vector uses the host vector, and if the slot can
   * be masked for a later bind. Returns the pool's own eventfd if the host vector is shared, the
   * slot cannot be masked, or there is no consumer.
   */
  #targetOf(vector: { id: number; users: ReadonlySet<VectorUser> }): Eventfd {
    const [user, other] = vector.users;
    const direct = this.#canHold && other === undefined ? user?.target : null;
    return direct ?? this.#eventfds.get(vector.id);
  }

  #choose(user: User): PooledVector & { users: Set<User> } {
    if (this.#pooled.size >= this.#options.hostVectors) return this.#findLeastUsed();
    try {
      return this.#allocate(user);
    } catch (error) {
      const exhausted = error instanceof VfioError && error.code === 'ENOSPC';
      if (!exhausted || !this.#options.shares || this.#pooled.size === 0) throw error;
      return this.#findLeastUsed();
    }
  }

  #allocate(user: User): PooledVector & { users: Set<User> } {
    let id = 0;
    while (this.#pooled.has(id)) id++;
    const users = new Set([user]);
    const { account, cpus } = this.#options;
    const host = this.#domain.allocateVector(this.#targetOf({ id, users }), account, cpus);
    const vector = { id, host, users };
    this.#pooled.set(id, vector);
    return vector;
  }

  #findLeastUsed(): PooledVector & { users: Set<User> } {
    const [vector] = [...this.#pooled.values()].sort((a, b) => a.users.size - b.users.size);
    if (vector === undefined) throw new RangeError('there is no host vector to share');
    return vector;
  }
}
