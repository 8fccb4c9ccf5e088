import type { EventEmitter } from 'node:events';

/** Bytes of one access to registers. */
export type Width = 1 | 2 | 4 | 8;

/** Events of a {@link RegisterWindow}, emitted in a microtask after the access that noticed it. */
export interface WindowEvents {
  /** The device's memory is gone: reads are all-ones and writes vanish. */
  lost: [];
  /** The device answers again. */
  restored: [];
}

/**
 * Mapped registers. Each read or write is exactly one little-endian access of its width.
 * Offsets are in bytes, naturally aligned; outside of the window is a RangeError before any
 * access, and use after `close()` a TypeError.
 *
 * While the device does not answer (memory decode off, D3hot, low power, a reset, an unplug)
 * reads are all-ones and writes vanish, as on a bus. The first access after that which reaches
 * the device is one like any other.
 */
export interface RegisterWindow extends EventEmitter<WindowEvents> {
  /** Bytes. */
  readonly size: number;
  /** Whether the last access found the device's memory gone. */
  readonly lost: boolean;
  /** One byte. */
  read8(offset: number): number;
  /** Two bytes. @param offset - even */
  read16(offset: number): number;
  /** Four bytes, as an unsigned number. @param offset - a multiple of 4 */
  read32(offset: number): number;
  /** Eight bytes, in one access. @param offset - a multiple of 8 */
  read64(offset: number): bigint;
  /**
   * Writes one byte.
   * @param value - of 8 bits, unsigned or signed; another is a RangeError, also in those below
   */
  write8(offset: number, value: number): void;
  /** Writes two bytes. @param offset - even @param value - of 16 bits */
  write16(offset: number, value: number): void;
  /** Writes four bytes. @param offset - a multiple of 4 @param value - of 32 bits */
  write32(offset: number, value: number): void;
  /** Writes eight bytes at once. @param offset - a multiple of 8 @param value - of 64 bits */
  write64(offset: number, value: bigint): void;
  /** Copies registers into memory by accesses of `width` bytes. */
  readBlock(offset: number, into: Uint8Array, width: Width): void;
  /** Copies memory into registers by accesses of `width` bytes. */
  writeBlock(offset: number, from: Uint8Array, width: Width): void;
  /** Unmaps them. Idempotent. */
  close(): void;
  /** As {@link RegisterWindow.close}. */
  [Symbol.dispose](): void;
}
