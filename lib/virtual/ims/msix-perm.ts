import { EventEmitter } from 'node:events';
import {
  checkInstance,
  checkInteger,
  checkMethods,
  checkNumber,
  checkOptions,
  checkU32,
  checkU64,
} from '../../checks.js';
import { VfioError } from '../../errors.js';
import { allOnes, isValidAccess } from '../store/guest-access.js';
import type { Cookie } from '../store/layout.js';
import { type PasidBinding, PasidMap } from './pasid-map.js';

const STRIDE = 8;
const IGNORE = 1 << 2;
const PASID_ENABLE = 1 << 3;
const PASID_SHIFT = 12;
const WRITABLE = (0xfffff << PASID_SHIFT) | PASID_ENABLE | IGNORE;

/** Events of a {@link MsixPerm}. */
export interface MsixPermEvents {
  /** An entry names a guest PASID that is not bound. The vector is silent until the bind. */
  stale: [vector: number, guestPasid: number];
  /**
   * The cookie could not be set: the vector is emulated or has no source yet, or the slot cannot be
   * changed now.
   */
  refused: [vector: number, error: VfioError];
}

/**
 * Receives the host PASID of a vector. A virtual MSI-X table and a source both implement this
 * interface.
 */
export interface CookieTarget {
  /** Sets the cookie of a vector. */
  setCookie(vector: number, cookie: Cookie): void;
  /** Silences a vector until `setCookie` is called. The vector then sends no interrupt. */
  silence(vector: number): void;
  /**
   * Calls a listener when a source was attached to vectors, before the source raises an interrupt.
   * A target whose vectors always have a source needs no such event.
   */
  on?(event: 'attached', listener: (first: number, count: number) => void): unknown;
  /** Removes a listener that `on` added. */
  off?(event: 'attached', listener: (first: number, count: number) => void): unknown;
}

/** Options of {@link MsixPerm}. */
export interface MsixPermOptions {
  /** Number of entries: 1 to 2048. */
  readonly vectors: number;
  /** Translates guest PASIDs to host PASIDs. */
  readonly pasids: PasidMap;
  /** Receives the host PASID of each vector. */
  readonly target: CookieTarget;
}

/**
 * The virtual MSI-X permission table of DSA. An entry has 8 bytes. The low word contains the ignore
 * bit (bit 2), the PASID enable bit (bit 3) and the PASID (bits 31:12). A write translates the
 * guest PASID in the entry to a host PASID. The host PASID becomes the cookie of the vector. A
 * write to the table never fails, because writes on PCI are posted. If the cookie cannot be set,
 * the table emits an event, and the entry becomes {@link stale}. A read of a stale entry still
 * returns the written value.
 *
 * While an entry names a PASID that is not bound, the vector is silent. A stale entry is applied
 * when its PASID is bound, and when a source is attached to its vector.
 *
 * The ignore bit can be written and read back, but the bit has no effect. With an effective ignore
 * bit, a guest could turn off the isolation between guests.
 */
export class MsixPerm extends EventEmitter<MsixPermEvents> {
  readonly #options: MsixPermOptions;
  readonly #entries: Uint32Array;
  readonly #stale: Uint8Array;

  constructor(options: MsixPermOptions) {
    super();
    checkOptions(options, ['vectors', 'pasids', 'target']);
    checkInteger(options.vectors, 'vectors', 1, 2048);
    checkInstance(options.pasids, 'pasids', PasidMap);
    checkMethods(options.target, 'target', 'CookieTarget', ['setCookie', 'silence']);
    this.#options = options;
    this.#entries = new Uint32Array(options.vectors);
    this.#stale = new Uint8Array(options.vectors);
    options.pasids.on('bound', this.#onBound).on('unbound', this.#onUnbound);
    options.target.on?.('attached', this.#onAttached);
  }

  /**
   * Stops following the PASID map and the target. Call this method when the guest of the table ends
   * before the PASID map. Idempotent.
   */
  close(): void {
    const { pasids, target } = this.#options;
    pasids.off('bound', this.#onBound).off('unbound', this.#onUnbound);
    target.off?.('attached', this.#onAttached);
  }

  /** Calls {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Size of the table in bytes. */
  get size(): number {
    return this.#entries.length * STRIDE;
  }

  /**
   * Whether the entry of a vector has no effect. The PASID in the entry is unbound, or the cookie
   * could not be set.
   */
  stale(vector: number): boolean {
    checkInteger(vector, 'vector', 0, this.#entries.length - 1);
    return this.#stale[vector] === 1;
  }

  /** Reads the table. An unaligned read, or a read of 1 or 2 bytes, returns all ones. */
  read(offset: number, width: 1 | 2 | 4): number;
  read(offset: number, width: 8): bigint;
  read(offset: number, width: 1 | 2 | 4 | 8): number | bigint {
    if (!this.#isValidAccess(offset, width)) return allOnes(width);
    const word = this.#entries[offset >>> 3] ?? 0;
    if (width === 8) return BigInt(word);
    return offset % STRIDE === 0 ? word : 0;
  }

  /** Writes the table. An unaligned write, or a write of 1 or 2 bytes, is dropped. */
  write(offset: number, width: 1 | 2 | 4, value: number): void;
  write(offset: number, width: 8, value: bigint): void;
  write(offset: number, width: 1 | 2 | 4 | 8, value: number | bigint): void {
    if (width === 8) checkU64(value, 'value');
    else checkU32(value, 'value');
    if (!this.#isValidAccess(offset, width) || offset % STRIDE !== 0) return;
    const vector = offset / STRIDE;
    const word = Number(BigInt(value) & 0xffff_ffffn) & WRITABLE;
    this.#entries[vector] = word;
    this.#apply(vector, word);
  }

  /**
   * Clears all entries, as a reset of the device does. The default PASID becomes the cookie of all
   * vectors with a cleared entry.
   */
  reset(): void {
    for (let vector = 0; vector < this.#entries.length; vector++) {
      if (this.#entries[vector] === 0) continue;
      this.#entries[vector] = 0;
      this.#apply(vector, 0);
    }
  }

  #apply(vector: number, word: number): void {
    const { pasids, target } = this.#options;
    const guest = word >>> PASID_SHIFT;
    const cookie = (word & PASID_ENABLE) === 0 ? pasids.default : pasids.lookup(guest);
    const unbound = cookie === undefined;
    this.#stale[vector] = unbound ? 1 : 0;
    try {
      if (unbound) target.silence(vector);
      else target.setCookie(vector, cookie);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.#stale[vector] = 1;
      this.emit('refused', vector, error);
    }
    if (unbound) this.emit('stale', vector, guest);
  }

  readonly #onBound = ({ guest }: PasidBinding): void => {
    for (const [vector, word] of this.#entries.entries()) {
      if (this.#stale[vector] === 1 && names(word, guest)) this.#apply(vector, word);
    }
  };

  readonly #onAttached = (first: number, count: number): void => {
    for (const [vector, word] of this.#entries.entries()) {
      const attached = vector >= first && vector < first + count;
      if (attached && this.#stale[vector] === 1) this.#apply(vector, word);
    }
  };

  readonly #onUnbound = ({ guest }: PasidBinding): void => {
    for (const [vector, word] of this.#entries.entries()) {
      if (!names(word, guest)) continue;
      this.#stale[vector] = 1;
      this.emit('stale', vector, guest);
    }
  };

  #isValidAccess(offset: number, width: number): boolean {
    checkNumber(offset, 'offset');
    checkNumber(width, 'width');
    return isValidAccess(offset, width, this.size);
  }
}

/** Whether an entry names a guest PASID. */
function names(word: number, guest: number): boolean {
  return (word & PASID_ENABLE) !== 0 && word >>> PASID_SHIFT === guest;
}
