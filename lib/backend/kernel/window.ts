import type { Native, NativeWindow } from '../../native/binding.js';
import type { RegisterWindow, Width } from '../contract.js';

/** The calls of {@link Native} that a window makes. */
export type WindowCalls = Pick<Native, 'readBlock' | 'writeBlock' | 'unmapRegion'>;

const S64_MIN = -(2n ** 63n);
const U64_MAX = 2n ** 64n - 1n;

/**
 * Registers behind a mapping. Reads are Atomics.load and writes plain stores of a typed array:
 * those V8 leaves as they are in every tier, while a plain load may be dropped or merged, and
 * Atomics.store is a locked read and write. The views are private, because whoever prints or
 * compares one reads registers.
 *
 * An offset `i << n` that is not the offset given was not aligned, not an integer, or not below
 * 4 GiB. After close the views have no length.
 */
export class MappedWindow implements RegisterWindow {
  readonly size: number;
  readonly #u8: Uint8Array;
  readonly #u16: Uint16Array;
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;
  readonly #writable: boolean;
  readonly #calls: WindowCalls;
  readonly #onClose: (window: MappedWindow) => void;
  #mapping: NativeWindow | null;

  /** @param onClose - called once, after the registers were unmapped */
  constructor(
    calls: WindowCalls,
    mapping: NativeWindow,
    writable: boolean,
    onClose: (window: MappedWindow) => void,
  ) {
    const { buffer } = mapping;
    this.size = buffer.byteLength;
    this.#u8 = new Uint8Array(buffer);
    this.#u16 = new Uint16Array(buffer, 0, Math.floor(this.size / 2));
    this.#u32 = new Uint32Array(buffer, 0, Math.floor(this.size / 4));
    this.#u64 = new BigUint64Array(buffer, 0, Math.floor(this.size / 8));
    this.#writable = writable;
    this.#calls = calls;
    this.#onClose = onClose;
    this.#mapping = mapping;
  }

  read8(offset: number): number {
    const u = this.#u8;
    const i = offset >>> 0;
    if (i !== offset || i >= u.length) this.#refuse(offset, 1);
    return Atomics.load(u, i);
  }

  read16(offset: number): number {
    const u = this.#u16;
    const i = offset >>> 1;
    if (i * 2 !== offset || i >= u.length) this.#refuse(offset, 2);
    return Atomics.load(u, i);
  }

  read32(offset: number): number {
    const u = this.#u32;
    const i = offset >>> 2;
    if (i * 4 !== offset || i >= u.length) this.#refuse(offset, 4);
    return Atomics.load(u, i);
  }

  read64(offset: number): bigint {
    const u = this.#u64;
    const i = offset >>> 3;
    if (i * 8 !== offset || i >= u.length) this.#refuse(offset, 8);
    return Atomics.load(u, i);
  }

  write8(offset: number, value: number): void {
    const u = this.#u8;
    const i = offset >>> 0;
    if (i !== offset || i >= u.length || !this.#writable) this.#refuse(offset, 1);
    if ((value | 0) !== value || value < -0x80 || value > 0xff) refuseValue(value, 8);
    u[i] = value;
  }

  write16(offset: number, value: number): void {
    const u = this.#u16;
    const i = offset >>> 1;
    if (i * 2 !== offset || i >= u.length || !this.#writable) this.#refuse(offset, 2);
    if ((value | 0) !== value || value < -0x8000 || value > 0xffff) refuseValue(value, 16);
    u[i] = value;
  }

  /** @param value - as unsigned, or as the signed number that JavaScript's bit operators make */
  write32(offset: number, value: number): void {
    const u = this.#u32;
    const i = offset >>> 2;
    if (i * 4 !== offset || i >= u.length || !this.#writable) this.#refuse(offset, 4);
    if ((value | 0) !== value && value >>> 0 !== value) refuseValue(value, 32);
    u[i] = value;
  }

  write64(offset: number, value: bigint): void {
    const u = this.#u64;
    const i = offset >>> 3;
    if (i * 8 !== offset || i >= u.length || !this.#writable) this.#refuse(offset, 8);
    if (value < S64_MIN || value > U64_MAX) refuseValue(value, 64);
    u[i] = value;
  }

  readBlock(offset: number, into: Uint8Array, width: Width): void {
    const { handle } = this.#block(offset, into, width);
    this.#calls.readBlock(handle, offset, into, width);
  }

  writeBlock(offset: number, from: Uint8Array, width: Width): void {
    const { handle } = this.#block(offset, from, width);
    if (!this.#writable) this.#refuse(offset, width);
    this.#calls.writeBlock(handle, offset, from, width);
  }

  close(): void {
    const mapping = this.#mapping;
    if (mapping === null) return;
    this.#mapping = null;
    this.#calls.unmapRegion(mapping.handle, mapping.buffer);
    this.#onClose(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #block(offset: number, bytes: Uint8Array, width: Width): NativeWindow {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('a block must be a Uint8Array');
    if (![1, 2, 4, 8].includes(width)) throw new RangeError(`width ${width} is not 1, 2, 4 or 8`);
    if (bytes.length % width !== 0) {
      throw new RangeError(`${bytes.length} bytes are not whole accesses of ${width}`);
    }
    const fits = Number.isInteger(offset) && offset >= 0 && offset + bytes.length <= this.size;
    if (this.#mapping === null || !fits || offset % width !== 0) {
      this.#refuse(offset, width, bytes.length);
    }
    return this.#mapping;
  }

  #refuse(offset: number, width: number, length = width): never {
    if (this.#mapping === null) throw new TypeError('register window is closed');
    if (!Number.isInteger(offset) || offset % width !== 0) {
      throw new RangeError(`offset ${offset} is not a multiple of ${width}`);
    }
    if (offset < 0 || offset + length > this.size) {
      throw new RangeError(`${length} bytes at ${offset} are not within the ${this.size} mapped`);
    }
    throw new TypeError('register window is read-only');
  }
}

function refuseValue(value: number | bigint, bits: number): never {
  throw new RangeError(`${value} is not a value of ${bits} bits`);
}
