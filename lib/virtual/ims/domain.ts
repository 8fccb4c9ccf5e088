import { EventEmitter } from 'node:events';
import type { Eventfd } from '../../contract/index.js';
import { checkInteger } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Account } from './budget.js';
import { type HostVector, hostVectorInternals, type HostVectors } from './host-vector.js';
import { checkLayout, type Cookie, type SlotLayout } from '../store/layout.js';
import { checkCookie, type Handles, type Slot, slotInternals } from './slot.js';
import { SlotWords } from '../store/words.js';
import type { SlotStorage } from '../store/storage.js';

/** What an {@link ImsDomain} stands on. */
export interface ImsDomainOptions {
  readonly layout: SlotLayout;
  /** Where the slots are: registers of the device, or memory that it reads. */
  readonly storage: SlotStorage;
  /** Interrupts of the host that slots can send. */
  readonly hostVectors: HostVectors;
  /** Slots to use, from the first on. Default: as many as the storage holds. */
  readonly slots?: number | undefined;
  /** For devices that give out handles. Default: the handle of a slot is its index. */
  readonly handles?: Handles | undefined;
  /** Tells a device that reads its slots from memory which of them has changed. */
  readonly changed?: ((index: number) => void) | undefined;
}

/** Events of an {@link ImsDomain}. */
export interface ImsDomainEvents {
  /** A cookie is about to be revoked: what its slots have sent is still their own. */
  revoking: [slots: readonly Slot[]];
  /** A cookie is not valid any more; the slots that carry it are silent, and their handles void. */
  revoked: [cookie: Cookie, slots: readonly Slot[]];
  /** The device was reset, and a slot could not be written again. */
  failed: [error: VfioError, slot: Slot];
}

/** For whom a slot is. */
export interface SlotOptions {
  /** Whose quota it counts for. Default: nobody's. */
  readonly account?: Account | undefined;
  /** What isolates it. Default: nothing. */
  readonly cookie?: Cookie | undefined;
}

/**
 * An interrupt message store: the slots of a device, given out one by one.
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
  /** Slots there are. */
  readonly size: number;
  readonly hostVectors: HostVectors;
  readonly #words: SlotWords;
  readonly #handles: Handles;
  readonly #slots = new Map<number, Slot>();
  /** No slot below is free. */
  #lowestFree = 0;

  /** @throws RangeError if the storage does not hold the slots, or the layout is impossible */
  constructor(options: ImsDomainOptions) {
    super();
    const { layout, storage, hostVectors, handles, changed } = options;
    checkLayout(layout);
    const room = Math.floor(storage.size / layout.stride);
    const { slots = room } = options;
    checkInteger(slots, `slots (the storage holds ${room})`, 1, room);
    this.layout = layout;
    this.size = slots;
    this.hostVectors = hostVectors;
    this.#words = new SlotWords(layout, storage, changed ?? (() => undefined));
    this.#handles = handles ?? { request: (index) => index, release: () => undefined };
    hostVectors.onReset?.(() => {
      for (const slot of this.#slots.values()) this.#restore(slot);
    });
  }

  /** Slots in use. */
  get used(): number {
    return this.#slots.size;
  }

  /**
   * Takes the free slot with the lowest index. It is masked and has no message yet, but it has its
   * handle.
   *
   * @throws {@link VfioError} ENOSPC if no slot is free, or the owner's quota is used up
   */
  allocate({ account, cookie = null }: SlotOptions = {}): Slot {
    checkCookie(this.#words, cookie);
    const index = this.#findFree();
    account?.takeSlot();
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
      account?.giveBackSlot();
      throw error;
    }
  }

  /** @throws RangeError, or {@link VfioError} ENOTSUP, if slots cannot hold it */
  checkCookie(cookie: Cookie): void {
    checkCookie(this.#words, cookie);
  }

  /** The slot of an index, if it is in use. */
  slot(index: number): Slot | undefined {
    return this.#slots.get(index);
  }

  /**
   * Takes an interrupt of the host for slots to send.
   *
   * @param target - the eventfd it signals
   * @param account - whose quota it counts for
   * @param cpus - to choose from, where the budget counts by CPU
   * @throws {@link VfioError} ENOSPC if the host or the budget has no more
   */
  takeVector(target: Eventfd, account?: Account, cpus?: readonly number[]): HostVector {
    const charge = account?.takeVector(cpus) ?? null;
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
      charge?.giveBack();
      throw error;
    }
  }

  /**
   * A cookie is not valid any more: the slots that carry it are masked and their handles released,
   * before this returns; then `'revoked'` is emitted.
   *
   * @returns these slots
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
   * Writes the message of a slot again where the host has moved it: to be called by the clock where
   * messages are not `remapped`. After a reset of the device slots are written again without it, if
   * the host vectors tell of resets, as those of `messageVectors` do.
   *
   * @throws {@link VfioError} EBUSY if a slot is live whose layout has no mask and pending bits
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
