import { EventEmitter } from 'node:events';
import { checkInteger } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Cookie } from '../store/layout.js';
import type { PasidMap } from './pasid-map.js';

const STRIDE = 8;
const IGNORE = 1 << 2;
const PASID_ENABLE = 1 << 3;
const PASID_SHIFT = 12;
const WRITABLE = (0xfffff << PASID_SHIFT) | PASID_ENABLE | IGNORE;

/** Events of a {@link MsixPerm}. */
export interface MsixPermEvents {
  /** An entry names a PASID of the guest that is not bound: its slot did not follow. */
  stale: [vector: number, guestPasid: number];
  /** The vector did not take the cookie: it is emulated, or cannot be changed now. */
  refused: [vector: number, error: VfioError];
}

/** Takes the PASID of the host for a vector: a virtual MSI-X table, or a source. */
export interface CookieTarget {
  /** Sets what isolates the vector. */
  setCookie(vector: number, cookie: Cookie): void;
}

/** What a {@link MsixPerm} decodes for, and where what it decodes goes. */
export interface MsixPermOptions {
  /** 1 to 2048. */
  readonly vectors: number;
  readonly pasids: PasidMap;
  readonly target: CookieTarget;
}

/**
 * The virtual MSI-X permission table of DSA: 8 bytes a vector, in the low word bit 2 ignore, bit 3
 * PASID enable, bits 31:12 PASID. A write is decoded, its PASID translated to the host's, and given
 * to the vector. Writes are posted: they cannot fail, so what goes wrong is an event, and the entry
 * reads as it was written but {@link stale}.
 *
 * The ignore bit is kept for reading alone: it would switch off what isolates guests.
 */
export class MsixPerm extends EventEmitter<MsixPermEvents> {
  readonly #options: MsixPermOptions;
  readonly #entries: Uint32Array;
  readonly #stale: Uint8Array;

  constructor(options: MsixPermOptions) {
    super();
    checkInteger(options.vectors, 'vectors', 1, 2048);
    this.#options = options;
    this.#entries = new Uint32Array(options.vectors);
    this.#stale = new Uint8Array(options.vectors);
    options.pasids.on('unbound', ({ guest }) => {
      this.#onUnbound(guest);
    });
  }

  /** Bytes. */
  get size(): number {
    return this.#entries.length * STRIDE;
  }

  /** Whether the vector did not follow what was written for it, or its PASID is gone since. */
  stale(vector: number): boolean {
    return this.#stale[vector] === 1;
  }

  /** @returns the entry's word; all ones for an access that is not aligned, 4 or 8 bytes wide */
  read(offset: number, width: 1 | 2 | 4): number;
  read(offset: number, width: 8): bigint;
  read(offset: number, width: 1 | 2 | 4 | 8): number | bigint {
    if (!this.#answers(offset, width)) return width === 8 ? 2n ** 64n - 1n : 2 ** (8 * width) - 1;
    const word = this.#entries[offset >>> 3] ?? 0;
    if (width === 8) return BigInt(word);
    return offset % STRIDE === 0 ? word : 0;
  }

  /** Dropped if it is not aligned, or not 4 or 8 bytes wide. */
  write(offset: number, width: 1 | 2 | 4, value: number): void;
  write(offset: number, width: 8, value: bigint): void;
  write(offset: number, width: 1 | 2 | 4 | 8, value: number | bigint): void {
    if (!this.#answers(offset, width) || offset % STRIDE !== 0) return;
    const vector = offset / STRIDE;
    const word = Number(BigInt(value) & 0xffff_ffffn) & WRITABLE;
    this.#entries[vector] = word;
    this.#apply(vector, word);
  }

  /** As after a reset of the device: the default PASID for all. */
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
    if (cookie === undefined) {
      this.#stale[vector] = 1;
      this.emit('stale', vector, guest);
      return;
    }
    try {
      target.setCookie(vector, cookie);
      this.#stale[vector] = 0;
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.#stale[vector] = 1;
      this.emit('refused', vector, error);
    }
  }

  #onUnbound(guest: number): void {
    for (const [vector, word] of this.#entries.entries()) {
      if ((word & PASID_ENABLE) === 0 || word >>> PASID_SHIFT !== guest) continue;
      this.#stale[vector] = 1;
      this.emit('stale', vector, guest);
    }
  }

  #answers(offset: number, width: number): boolean {
    const aligned = (width === 4 || width === 8) && offset % width === 0;
    return aligned && offset >= 0 && offset < this.size;
  }
}
