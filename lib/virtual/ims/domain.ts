import { EventEmitter } from 'node:events';
import type { Eventfd } from '../../contract/index.js';
import {
  checkFunction,
  checkInstance,
  checkInteger,
  checkMethods,
  checkOptions,
} from '../../checks.js';
import { checkCpus } from '../../contract/call-arguments.js';
import { checkEventfd } from '../../contract/eventfd.js';
import { VfioError } from '../../errors.js';
import { Account } from './budget.js';
import { checkCookie } from './check-cookie.js';
import { type HostVector, hostVectorInternals, type HostVectors } from './host-vector.js';
import { checkLayout, type Cookie, type SlotLayout } from '../store/layout.js';
import { CookieClaims, Owner } from './cookie-claims.js';
import { Guests } from './guests.js';
import type { PasidMap } from './pasid-map.js';
import { type Slot, slotInternals } from './slot.js';
import type { Handles } from './slot-context.js';
import { SlotWords } from '../store/words.js';
import { checkStorage, type SlotStorage } from '../store/storage.js';

const OPTIONS = ['layout', 'storage', 'hostVectors', 'slots', 'handles', 'changed'];
const HOST_VECTORS = ['allocate', 'createEventfd', 'createEventSet'];

/** Options of {@link ImsDomain}. */
export interface ImsDomainOptions {
  readonly layout: SlotLayout;
  /** Storage of the slots: registers of the device, or memory that the device reads. */
  readonly storage: SlotStorage;
  /** Allocates the host interrupts that the slots raise. */
  readonly hostVectors: HostVectors;
  /** Number of slots to use, starting with slot 0. Default: all slots that fit into the storage. */
  readonly slots?: number | undefined;
  /**
   * Requests the handles of slots from the device. By default, the handle of a slot is the index of
   * the slot.
   */
  readonly handles?: Handles | undefined;
  /**
   * Called after a write to a slot. The function notifies a device that reads the slots from
   * memory.
   */
  readonly changed?: ((index: number) => void) | undefined;
}

/** Events of an {@link ImsDomain}. */
export interface ImsDomainEvents {
  /**
   * A cookie is about to be revoked. An interrupt that a slot with this cookie has already sent is
   * still valid.
   */
  revoking: [slots: readonly Slot[]];
  /**
   * A cookie was revoked. All slots that had this cookie are silent, and have new handles. The old
   * handles are released.
   */
  revoked: [cookie: Cookie, slots: readonly Slot[]];
  /** A silent slot got a cookie, and works again. */
  revived: [cookie: Cookie, slots: readonly Slot[]];
  /**
   * A slot could not be restored after a reset of the device, or the device refused the new handle
   * of a slot whose cookie was revoked.
   */
  failed: [error: VfioError, slot: Slot];
}

/** Options of {@link ImsDomain.allocate}. */
export interface SlotOptions {
  /** The account to charge for the slot. Default: none. */
  readonly account?: Account | undefined;
  /**
   * The cookie of the slot. If the cookie is null (the default), the device checks no cookie. A
   * layout without an enable bit requires a cookie.
   */
  readonly cookie?: Cookie | undefined;
}

/** A source that uses slots of a domain. */
export interface DomainUser {
  /** The PASIDs of the guest. A source without PASIDs is a guest of its own. */
  readonly pasids: PasidMap | undefined;
  /** The cookie of a vector without a cookie of its own, and of a silent slot. */
  readonly defaultCookie: Cookie;
  readonly account: Account | undefined;
  /** Called before the slots with a revoked cookie are silenced. */
  onRevoking(slots: readonly Slot[]): void;
  /** Called after the slots with a revoked cookie were silenced. */
  onRevoked(cookie: Cookie, slots: readonly Slot[]): void;
}

/** Methods of {@link ImsDomain} for the sources that use its slots. */
export interface DomainInternals {
  /**
   * Adds a source.
   * @returns the owner of the slots of the source
   * @throws VfioError EEXIST if a cookie of the source belongs to another owner; ENOSPC if the
   *   quota of PASIDs is used up; EINVAL if the domain has several guests, and one of them has no
   *   default cookie
   */
  join(domain: ImsDomain, user: DomainUser): Owner;
  /** Removes a source. Before the call, the slots of the source must be free. */
  leave(domain: ImsDomain, user: DomainUser, owner: Owner): void;
  /** Allocates a slot for an owner, as {@link ImsDomain.allocate} does. */
  allocate(domain: ImsDomain, owner: Owner, options: SlotOptions): Slot;
}

export let domainInternals: DomainInternals;

/**
 * An interrupt message store. Allocates the slots of a device, and the host vectors that the slots
 * raise.
 *
 * @example
 * const domain = new ImsDomain({
 *   layout: DSA_LAYOUT,
 *   storage: regionStorage(registers, imsOffset),
 *   hostVectors,
 * });
 * const slot = domain.allocate({ cookie: pasid });
 */
export class ImsDomain extends EventEmitter<ImsDomainEvents> {
  readonly layout: SlotLayout;
  /** Number of slots. */
  readonly size: number;
  readonly hostVectors: HostVectors;
  readonly #words: SlotWords;
  readonly #handles: Handles;
  readonly #slots = new Map<number, Slot>();
  readonly #claims: CookieClaims;
  readonly #guests: Guests;
  /** The owner of the slots that the program itself allocates. */
  readonly #program: Owner;
  readonly #users = new Set<DomainUser>();
  /** All slots below this index are in use. */
  #lowestFree = 0;

  static {
    domainInternals = {
      join: (domain, user) => {
        const owner = domain.#guests.join(user.pasids, user.defaultCookie, user.account);
        domain.#users.add(user);
        return owner;
      },
      leave: (domain, user, owner) => {
        domain.#users.delete(user);
        domain.#guests.leave(owner);
      },
      allocate: (domain, owner, options) => domain.#allocate(owner, options),
    };
  }

  /**
   * @throws TypeError if an option is unknown or has a wrong type; RangeError if the slots do not
   *   fit into the storage, or the layout is invalid
   */
  constructor(options: ImsDomainOptions) {
    super();
    checkOptions(options, OPTIONS);
    const { layout, storage, hostVectors, handles, changed } = options;
    checkStorage(storage);
    checkMethods(hostVectors, 'hostVectors', 'HostVectors', HOST_VECTORS);
    if (handles !== undefined) checkMethods(handles, 'handles', 'Handles', ['request', 'release']);
    if (changed !== undefined) checkFunction(changed, 'changed');
    checkLayout(layout);
    const room = Math.floor(storage.size / layout.stride);
    const { slots = room } = options;
    checkInteger(slots, `slots (${room} fit into the storage)`, 1, room);
    this.layout = layout;
    this.size = slots;
    this.hostVectors = hostVectors;
    this.#words = new SlotWords(layout, storage, changed ?? (() => undefined));
    this.#handles = handles ?? { request: (index) => index, release: () => undefined };
    this.#claims = new CookieClaims(layout);
    this.#guests = new Guests(this.#claims, (host) => this.revoke(host));
    this.#program = new Owner(this.#claims, undefined);
    hostVectors.onReset?.(() => {
      for (const slot of this.#slots.values()) {
        this.#attempt(slot, () => {
          slotInternals.restore(slot);
        });
      }
    });
  }

  /** Number of slots in use. */
  get used(): number {
    return this.#slots.size;
  }

  /**
   * Allocates the free slot with the lowest index. The slot is masked and has a handle, but no
   * message yet. The cookie of the slot belongs to the program, so no source can use the cookie.
   *
   * @throws TypeError or RangeError if the cookie does not fit into the field of the layout
   * @throws {@link VfioError} ENOSPC if no slot is free, or the owner's quota is used up; EEXIST if
   *   the cookie belongs to a source
   */
  allocate(options: SlotOptions = {}): Slot {
    checkOptions(options, ['account', 'cookie']);
    if (options.account !== undefined) checkInstance(options.account, 'account', Account);
    return this.#allocate(this.#program, options);
  }

  /**
   * Checks a cookie.
   *
   * @throws TypeError or RangeError if the cookie does not fit into the field of the layout
   * @throws {@link VfioError} ENOTSUP if the slots have no cookie; EINVAL if `cookie` is null, but
   *   the device checks every slot
   */
  checkCookie(cookie: Cookie): void {
    checkCookie(this.layout, cookie);
  }

  /** Returns the slot at an index, or undefined if the slot is free. */
  slot(index: number): Slot | undefined {
    return this.#slots.get(index);
  }

  /**
   * Allocates a host vector. Slots can then be programmed with the message of the host vector.
   *
   * @param target - the eventfd that the vector signals
   * @param account - the account to charge for the vector
   * @param cpus - the CPUs that can serve the vector; used if the budget limits vectors per CPU
   * @throws {@link VfioError} ENOSPC if the host or the budget has no vector left
   */
  allocateVector(target: Eventfd, account?: Account, cpus?: readonly number[]): HostVector {
    checkEventfd(target, 'target');
    if (account !== undefined) checkInstance(account, 'account', Account);
    if (cpus !== undefined) checkCpus(cpus);
    const charge = account?.chargeVector(cpus) ?? null;
    try {
      const interrupt = this.hostVectors.allocate(target);
      const vector = hostVectorInternals.create({
        interrupt,
        target,
        charge,
        createEventfd: () => this.hostVectors.createEventfd(),
        slotControl: slotInternals,
      });
      if (charge !== null && charge.cpu !== null) {
        try {
          interrupt.setAffinity([charge.cpu]);
        } catch (error) {
          interrupt.close();
          throw error;
        }
      }
      return vector;
    } catch (error) {
      charge?.refund();
      throw error;
    }
  }

  /**
   * Revokes a cookie: silences the slots with this cookie, replaces the handles of these slots, and
   * then emits `'revoked'`. The slots stay silent until another cookie is set.
   *
   * @returns the slots that had the cookie
   * @throws TypeError or RangeError if the cookie does not fit into the field of the layout
   * @throws {@link VfioError} ENOTSUP if the slots have no cookie
   */
  revoke(cookie: Cookie): readonly Slot[] {
    if (cookie !== null) checkCookie(this.layout, cookie);
    const slots = [...this.#slots.values()].filter(
      (slot) => slot.cookie === cookie && !slot.silent,
    );
    this.emit('revoking', slots);
    for (const user of this.#users) user.onRevoking(slots);
    for (const slot of slots) {
      this.#attempt(slot, () => {
        slot.revoke();
      });
    }
    for (const user of this.#users) user.onRevoked(cookie, slots);
    this.emit('revoked', cookie, slots);
    return slots;
  }

  /**
   * If the host has changed the message of a host vector, writes the new message to the slots of
   * the vector. If interrupts are not remapped by the IOMMU, call this method periodically.
   * After a reset of the device, the domain itself writes the slots again if `hostVectors` reports
   * resets. The host vectors that `messageVectors()` returns report resets.
   *
   * @throws {@link VfioError} EBUSY if a live slot must be updated, but the layout lacks a mask bit
   *   or a pending bit
   */
  refresh(): void {
    for (const slot of this.#slots.values()) slot.refresh();
  }

  #allocate(owner: Owner, { account, cookie = null }: SlotOptions): Slot {
    const index = this.#findFree();
    account?.chargeSlot();
    try {
      const context = {
        words: this.#words,
        handles: this.#handles,
        account: account ?? null,
        owner,
        discardPending: (index: number) => {
          this.#discardPending(index);
        },
        onRevived: (slot: Slot) => {
          this.emit('revived', slot.cookie, [slot]);
        },
        onFree: (slot: Slot) => {
          this.#onFree(slot);
        },
      };
      const slot = slotInternals.create(context, index, cookie);
      this.#slots.set(index, slot);
      this.#lowestFree = index + 1;
      return slot;
    } catch (error) {
      account?.refundSlot();
      throw error;
    }
  }

  /** Calls a function that changes a slot. If the call fails, emits `'failed'`. */
  #attempt(slot: Slot, change: () => void): void {
    try {
      change();
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.emit('failed', error, slot);
    }
  }

  /**
   * Sends the pending interrupt of a masked slot to an eventfd that is never read. The host vector
   * of this eventfd is freed again.
   */
  #discardPending(index: number): void {
    const words = this.#words;
    const unread = this.hostVectors.createEventfd();
    try {
      const interrupt = this.hostVectors.allocate(unread);
      words.writeMessage(index, interrupt.message);
      words.setMask(index, false);
      words.setMask(index, true);
      words.writeMessage(index, { address: 0n, data: 0 });
      interrupt.close();
    } catch (error) {
      if (!(error instanceof VfioError) || error.code !== 'ENOSPC') throw error;
    } finally {
      unread.close();
    }
  }

  #findFree(): number {
    let index = this.#lowestFree;
    while (this.#slots.has(index)) index++;
    this.#lowestFree = index;
    if (index < this.size) return index;
    throw new VfioError({ code: 'ENOSPC', message: `all ${this.size} slots are in use` });
  }

  #onFree(slot: Slot): void {
    this.#slots.delete(slot.index);
    this.#lowestFree = Math.min(this.#lowestFree, slot.index);
  }
}
