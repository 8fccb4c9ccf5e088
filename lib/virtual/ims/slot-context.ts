import type { Account } from './budget.js';
import type { Owner } from './cookie-claims.js';
import type { Slot } from './slot.js';
import type { SlotWords } from '../store/words.js';

/** Requests and releases the handles of slots. A work descriptor names a slot by its handle. */
export interface Handles {
  /** Requests the handle of a slot from the device. */
  request(index: number): number;
  /** Releases a handle. The device then refuses work that names the released handle. */
  release(handle: number): void;
}

/** Parts of the domain that a slot uses. */
export interface SlotContext {
  readonly words: SlotWords;
  readonly handles: Handles;
  readonly account: Account | null;
  /** The owner of the slot's cookie. */
  readonly owner: Owner;
  /**
   * Drops the pending interrupt of a masked slot without a host vector. If the host has no vector
   * left for this purpose, the interrupt stays pending.
   */
  readonly discardPending: (index: number) => void;
  /** Called after a silent slot got a cookie. */
  readonly onRevived: (slot: Slot) => void;
  readonly onFree: (slot: Slot) => void;
}
