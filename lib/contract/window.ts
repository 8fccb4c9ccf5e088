import type { EventEmitter } from 'node:events';
import type { DeviceClock } from './clock.js';

/** The width in bytes of one register access. */
export type Width = 1 | 2 | 4 | 8;

/**
 * Events of a {@link RegisterWindow}. The window emits an event in a microtask, after the access
 * that detected the change.
 */
export interface WindowEvents {
  /** The device stopped responding. Reads return all ones, and writes have no effect. */
  lost: [];
  /** The device responds again. */
  restored: [];
}

/**
 * Mapped registers. Each read or write is exactly one little-endian access of its width. Offsets
 * are in bytes, and must be multiples of the width. If an offset is outside the window, the method
 * throws a RangeError and does not access the device. Use of a closed window throws a {@link
 * VfioError} EBADF.
 *
 * While the device does not respond, reads return all ones and writes have no effect, as on a PCI
 * bus. The device does not respond while memory decode is off, while the function is in D3hot or in
 * low power, during a reset, and after an unplug. The window works again as soon as the device
 * responds.
 */
export interface RegisterWindow extends EventEmitter<WindowEvents> {
  /** Bytes. */
  readonly size: number;
  /** Whether the device did not respond to the last access. */
  readonly lost: boolean;
  /** The clock that measures timeouts. Default: the clock of the process. */
  readonly clock?: DeviceClock | undefined;
  /** Reads one byte. */
  read8(offset: number): number;
  /** Reads two bytes. @param offset - a multiple of 2 */
  read16(offset: number): number;
  /** Reads four bytes as an unsigned number. @param offset - a multiple of 4 */
  read32(offset: number): number;
  /** Reads eight bytes in one access. @param offset - a multiple of 8 */
  read64(offset: number): bigint;
  /**
   * Writes one byte.
   * @param value - 8 bits, unsigned or signed
   * @throws RangeError if the value does not fit. All write methods throw this error.
   */
  write8(offset: number, value: number): void;
  /** Writes two bytes. @param offset - a multiple of 2 @param value - 16 bits */
  write16(offset: number, value: number): void;
  /** Writes four bytes. @param offset - a multiple of 4 @param value - 32 bits */
  write32(offset: number, value: number): void;
  /** Writes eight bytes in one access. @param offset - a multiple of 8 @param value - 64 bits */
  write64(offset: number, value: bigint): void;
  /** Copies registers into memory. Each register access has `width` bytes. */
  readBlock(offset: number, into: Uint8Array, width: Width): void;
  /** Copies memory into registers. Each register access has `width` bytes. */
  writeBlock(offset: number, from: Uint8Array, width: Width): void;
  /**
   * Returns a window of a part of this window. Closing this window closes the part, but closing the
   * part does not unmap the registers.
   *
   * @param offset - bytes from the start of this window, a multiple of 8
   * @param length - bytes
   * @throws RangeError if the part is not within this window
   */
  sub(offset: number, length: number): RegisterWindow;
  /**
   * Unmaps the registers. Idempotent.
   * @param hint - the hint of later EBADF errors, if the library closes the window on its own
   */
  close(hint?: string): void;
  /** Like {@link RegisterWindow.close}. */
  [Symbol.dispose](): void;
}
