import { EventEmitter } from 'node:events';
import type { Eventfd } from '../../contract/index.js';
import { checkInteger } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Account } from './budget.js';
import { checkCookie } from './check-cookie.js';
import { type HostVector, hostVectorInternals, type HostVectors } from './host-vector.js';
import { checkLayout, type Cookie, type SlotLayout } from '../store/layout.js';
import { type Handles, type Slot, slotInternals } from './slot.js';
import { SlotWords } from '../store/words.js';
import type { SlotStorage } from '../store/storage.js';

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
   * A cookie was revoked. All slots with this cookie are masked, and the handles of these slots are
   * released.
   */
  revoked: [cookie: Cookie, slots: readonly Slot[]];
  /** A slot could not be restored after a reset of the device. */
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
  /** All slots below this index are in use. */
  #lowestFree = 0;

  /** @throws RangeError if the slots do not fit into the storage, or the layout is invalid */
  constructor(options: ImsDomainOptions) {
    super();
    const { layout, storage, hostVectors, handles, changed } = options;
    checkLayout(layout);
    const room = Math.floor(storage.size / layout.stride);
    const { slots = room } = options;
    checkInteger(slots, `slots (${room} fit into the storage)`, 1, room);
    this.layout = layout;
    this.size = slots;
    this.hostVectors = hostVectors;
    this.#words = new SlotWords(layout, storage, changed ?? (() => undefined));
    this.#handles = handles ?? { request: (index) => index, release: () => undefined };
    hostVectors.onReset?.(() => {
      for (const slot of this.#slots.values()) this.#restore(slot);
    });
  }

  /** Number of slots in use. */
  get used(): number {
    return this.#slots.size;
  }

  /**
   * Allocates the free slot with the lowest index. The slot is masked and has a handle, but no
   * message yet.
   *
   * @throws {@link VfioError} ENOSPC if no slot is free, or the owner's quota is used up
   */
  allocate({ account, cookie = null }: SlotOptions = {}): Slot {
    checkCookie(this.layout, cookie);
    const index = this.#findFree();
    account?.chargeSlot();
    try {
      const context = {
        words: this.#words,
        handles: this.#handles,
        account: account ?? null,
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
   * Revokes a cookie: masks the slots with this cookie, releases the handles of these slots, and
   * then emits `'revoked'`.
   *
   * @returns the slots that had the cookie
   */
  revoke(cookie: Cookie): readonly Slot[] {
    const slots = [...this.#slots.values()].filter(
      (slot) => slot.cookie === cookie && !slot.revoked,
    );
    this.emit('revoking', slots);
    for (const slot of slots) slot.revoke();
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

  #restore(slot: Slot): void {
    try {
      slotInternals.restore(slot);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.emit('failed', error, slot);
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
