import type { Eventfd } from '../../contract/index.js';
import type { Account } from '../ims/budget.js';
import type { ImsDomain } from '../ims/domain.js';
import { canHold } from '../store/layout.js';
import type { HostVector } from '../ims/host-vector.js';
import type { Slot } from '../ims/slot.js';
import { HeldEventfds } from './held.js';

/** A vector as its host vector needs to know it. */
export interface LineUser {
  readonly vector: number;
  readonly slot: Slot;
  /** Its consumer's eventfd, or null for the sink. */
  target: Eventfd | null;
  /** Whether it is masked. */
  held: boolean;
}

/** A host vector and the vectors that send it. */
export interface Line {
  readonly id: number;
  readonly host: HostVector;
  readonly users: Set<LineUser>;
}

/** The host vectors of a source: one for each vector while there are enough, then shared. */
export class ImsLines<User extends LineUser> {
  readonly #domain: ImsDomain;
  readonly #most: number;
  readonly #for: { account: Account | undefined; cpus: readonly number[] | undefined };
  readonly #lines = new Map<number, Line & { users: Set<User> }>();
  readonly #held: HeldEventfds;
  readonly #canHold: boolean;

  /**
   * @param most - host vectors to use at most
   * @param onSignal - called for each vector that may have fired
   */
  constructor(
    domain: ImsDomain,
    most: number,
    charged: { account: Account | undefined; cpus: readonly number[] | undefined },
    onSignal: (user: User) => void,
  ) {
    this.#domain = domain;
    this.#most = most;
    this.#for = charged;
    this.#canHold = canHold(domain.layout);
    this.#held = new HeldEventfds(domain.hostVectors, most, (id) => {
      for (const user of this.#lines.get(id)?.users ?? []) onSignal(user);
    });
  }

  /** Gives a vector its host vector and programs its slot. */
  join(user: User): Line {
    const line = this.#lines.size < this.#most ? this.#open(user) : this.#leastUsed();
    line.users.add(user);
    try {
      this.settle(line);
      user.slot.program(line.host);
    } catch (error) {
      this.leave(line, user);
      throw error;
    }
    return line;
  }

  /** Binds it where it belongs now; what lies in ours when it moved away is reported. */
  settle(line: Line): void {
    const target = this.#targetOf(line);
    if (target !== line.host.target) line.host.bind(target);
    this.#held.drain(line.id);
  }

  /** The user's slot is silent. What it sent before is still its own. */
  leave(line: Line, user: User): void {
    this.await(line);
    line.users.delete(user);
    if (line.users.size > 0) return;
    this.#lines.delete(line.id);
    line.host.close();
    this.#held.discard(line.id);
  }

  /** What is on its way arrives, and what came to ours is reported. */
  await(line: Line): void {
    line.host.synchronize();
    this.#held.drain(line.id);
  }

  drain(line: Line): void {
    this.#held.drain(line.id);
  }

  /** Closes what is left of it, when all have left. */
  clear(): void {
    this.#held.clear();
  }

  /**
   * Straight to the consumer where the slot is the only one, and can be masked to move it away
   * again; else ours.
   */
  #targetOf(line: { id: number; users: ReadonlySet<LineUser> }): Eventfd {
    const [user, other] = line.users;
    const straight = this.#canHold && other === undefined ? user?.target : null;
    return straight ?? this.#held.get(line.id);
  }

  #open(user: User): Line & { users: Set<User> } {
    let id = 0;
    while (this.#lines.has(id)) id++;
    const users = new Set([user]);
    const { account, cpus } = this.#for;
    const host = this.#domain.takeVector(this.#targetOf({ id, users }), account, cpus);
    const line = { id, host, users };
    this.#lines.set(id, line);
    return line;
  }

  #leastUsed(): Line & { users: Set<User> } {
    const lines = [...this.#lines.values()].sort((a, b) => a.users.size - b.users.size);
    const [line] = lines;
    if (line === undefined) throw new RangeError('there is no host vector to share');
    return line;
  }
}
