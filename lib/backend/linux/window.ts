import { inspect } from 'node:util';
import { type InspectContext, inHex, inspectAs } from '../../contract/inspect.js';
import { EventEmitter } from 'node:events';
import type { Native, NativeWindow } from '../../native/binding.js';
import type { RegisterWindow, Width, WindowEvents } from '../../contract/index.js';
import { checkNumber } from '../../checks.js';
import { Lifetime } from '../../contract/lifetime.js';
import { SubWindow } from '../../contract/sub-window.js';
import { checkBlock, checkWindowAccess, refuseValue } from '../../contract/window-access.js';

/** The native calls that a window makes. */
export type WindowCalls = Pick<Native, 'readBlock' | 'writeBlock' | 'unmapRegion'>;

const S64_MIN = -(2n ** 63n);
const U64_MAX = 2n ** 64n - 1n;

/**
 * Whether the program accesses registers through typed arrays. On other architectures, the order of
 * such accesses is not known, so native code makes each access with a full barrier.
 */
const IS_DIRECT = process.arch === 'x64' || process.arch === 'arm64';

/**
 * Registers of a mapped region. Each read is an Atomics.load of a typed array. On x86-64, each write
 * is a plain store into a typed array. V8 keeps each Atomics.load and each plain store unchanged in
 * every compiler tier. V8 could drop a plain load, or merge a plain load with another load. On
 * x86-64, Atomics.store would be a locked exchange, which also reads the register. The typed arrays
 * are private fields, because printing or comparing a typed array would read registers.
 *
 * On arm64, each write is an Atomics.store, which is one store-release (`stlr`). The device sees a
 * store-release after all earlier stores to memory, but can see a plain store before them. An
 * Atomics.load is one load-acquire (`ldar`) there, and all later loads come after it.
 *
 * For a width of 2^n bytes, the index of an element is `i = offset >>> n`. If `i << n` differs from
 * the offset, the offset is misaligned, is not an integer, or is not below 4 GiB. After close, and
 * while the device does not respond, the typed arrays are empty. If the typed arrays are empty,
 * native code makes the access and reports whether the access reached the device. Atomics.load
 * checks the length, so a read needs no additional bounds check. An additional bounds check would
 * add 7 % to the time of a read. `#lost` is checked after each write and after each read of all
 * ones. A read that returns any value except all ones proves that the device responded.
 *
 * The types of the arguments are checked first, because JavaScript's operators throw errors of their
 * own for a bigint or a symbol. This check takes no measurable time.
 */
export class MappedWindow extends EventEmitter<WindowEvents> implements RegisterWindow {
  readonly size: number;
  #u8: Uint8Array;
  #u16: Uint16Array;
  #u32: Uint32Array;
  #u64: BigUint64Array;
  /** Not 0 if the last access faulted. Native code sets and clears the value. */
  readonly #lost: Int32Array;
  /** Whether the typed arrays are empty because the device does not respond. */
  #isLost = false;
  readonly #writable: boolean;
  readonly #calls: WindowCalls;
  readonly #onClose: (window: MappedWindow) => void;
  readonly #lifetime: Lifetime;
  #mapping: NativeWindow | null;

  /**
   * @param what - `path` is for error messages, `writable` allows writes
   * @param onClose - called once, after the registers are unmapped
   */
  constructor(
    calls: WindowCalls,
    mapping: NativeWindow,
    { path, writable }: { readonly path: string; readonly writable: boolean },
    onClose: (window: MappedWindow) => void,
  ) {
    super();
    const { buffer, lost } = mapping;
    this.size = buffer.byteLength;
    [this.#u8, this.#u16, this.#u32, this.#u64] = views(buffer, IS_DIRECT ? this.size : 0);
    this.#lost = new Int32Array(lost);
    this.#writable = writable;
    this.#calls = calls;
    this.#onClose = onClose;
    this.#lifetime = new Lifetime('the register window is closed', path);
    this.#mapping = mapping;
  }

  get lost(): boolean {
    return this.#isLost;
  }

  read8(offset: number): number {
    if (typeof offset !== 'number') checkNumber(offset, 'offset');
    const i = offset >>> 0;
    if (i !== offset) return Number(this.#readSlow(offset, 1));
    let value;
    try {
      value = Atomics.load(this.#u8, i);
    } catch {
      return Number(this.#readSlow(offset, 1));
    }
    if (value === 0xff) this.#updateViews();
    return value;
  }

  read16(offset: number): number {
    if (typeof offset !== 'number') checkNumber(offset, 'offset');
    const i = offset >>> 1;
    if (i * 2 !== offset) return Number(this.#readSlow(offset, 2));
    let value;
    try {
      value = Atomics.load(this.#u16, i);
    } catch {
      return Number(this.#readSlow(offset, 2));
    }
    if (value === 0xffff) this.#updateViews();
    return value;
  }

  read32(offset: number): number {
    if (typeof offset !== 'number') checkNumber(offset, 'offset');
    const i = offset >>> 2;
    if (i * 4 !== offset) return Number(this.#readSlow(offset, 4));
    let value;
    try {
      value = Atomics.load(this.#u32, i);
    } catch {
      return Number(this.#readSlow(offset, 4));
    }
    if (value === 0xffff_ffff) this.#updateViews();
    return value;
  }

  read64(offset: number): bigint {
    if (typeof offset !== 'number') checkNumber(offset, 'offset');
    const i = offset >>> 3;
    if (i * 8 !== offset) return this.#readSlow(offset, 8);
    let value;
    try {
      value = Atomics.load(this.#u64, i);
    } catch {
      return this.#readSlow(offset, 8);
    }
    if (value === U64_MAX) this.#updateViews();
    return value;
  }

  write8(offset: number, value: number): void {
    if (typeof offset !== 'number') checkNumber(offset, 'offset');
    if (typeof value !== 'number') refuseValue(value, 8);
    if ((value | 0) !== value || value < -0x80 || value > 0xff) refuseValue(value, 8);
    const u = this.#u8;
    const i = offset >>> 0;
    if (i !== offset || i >= u.length || !this.#writable) {
      this.#writeSlow(offset, 1, value);
      return;
    }
    u[i] = value;
    if (this.#lost[0] !== 0) this.#updateViews();
  }

  write16(offset: number, value: number): void {
    if (typeof offset !== 'number') checkNumber(offset, 'offset');
    if (typeof value !== 'number') refuseValue(value, 16);
    if ((value | 0) !== value || value < -0x8000 || value > 0xffff) refuseValue(value, 16);
    const u = this.#u16;
    const i = offset >>> 1;
    if (i * 2 !== offset || i >= u.length || !this.#writable) {
      this.#writeSlow(offset, 2, value);
      return;
    }
    u[i] = value;
    if (this.#lost[0] !== 0) this.#updateViews();
  }

  /**
   * @param value - an unsigned 32-bit number, or a signed 32-bit number as returned by JavaScript's
   *   bit operators
   */
  write32(offset: number, value: number): void {
    if (typeof offset !== 'number') checkNumber(offset, 'offset');
    if (typeof value !== 'number') refuseValue(value, 32);
    if ((value | 0) !== value && value >>> 0 !== value) refuseValue(value, 32);
    const u = this.#u32;
    const i = offset >>> 2;
    if (i * 4 !== offset || i >= u.length || !this.#writable) {
      this.#writeSlow(offset, 4, value);
      return;
    }
    u[i] = value;
    if (this.#lost[0] !== 0) this.#updateViews();
  }

  write64(offset: number, value: bigint): void {
    if (typeof offset !== 'number') checkNumber(offset, 'offset');
    if (typeof value !== 'bigint' || value < S64_MIN || value > U64_MAX) refuseValue(value, 64);
    const u = this.#u64;
    const i = offset >>> 3;
    if (i * 8 !== offset || i >= u.length || !this.#writable) {
      this.#writeSlow(offset, 8, value);
      return;
    }
    u[i] = value;
    if (this.#lost[0] !== 0) this.#updateViews();
  }

  // The choice is made once, because a branch in each write would slow down x86-64.
  static {
    if (process.arch === 'arm64') {
      const { prototype } = this;
      prototype.write8 = function (offset, value) {
        this.#writeOrdered(this.#u8, 8, offset, value);
      };
      prototype.write16 = function (offset, value) {
        this.#writeOrdered(this.#u16, 16, offset, value);
      };
      prototype.write32 = function (offset, value) {
        this.#writeOrdered(this.#u32, 32, offset, value);
      };
      prototype.write64 = function (offset, value) {
        checkNumber(offset, 'offset');
        if (typeof value !== 'bigint' || value < S64_MIN || value > U64_MAX) refuseValue(value, 64);
        if (this.#covers(this.#u64, offset)) Atomics.store(this.#u64, offset / 8, value);
        else this.#writeSlow(offset, 8, value);
        if (this.#lost[0] !== 0) this.#updateViews();
      };
    }
  }

  readBlock(offset: number, into: Uint8Array, width: Width): void {
    // A single access is faster than a call into native code.
    if (width === 4 && into instanceof Uint8Array && into.length === 4) {
      const value = this.read32(offset);
      into[0] = value;
      into[1] = value >>> 8;
      into[2] = value >>> 16;
      into[3] = value >>> 24;
      return;
    }
    this.#readNative(offset, into, width);
  }

  writeBlock(offset: number, from: Uint8Array, width: Width): void {
    const { handle } = this.#checkBlock(offset, from, width);
    if (!this.#writable) throw new TypeError('the register window is read-only');
    this.#calls.writeBlock(handle, offset, from, width);
    this.#updateViews();
  }

  sub(offset: number, length: number): RegisterWindow {
    this.#lifetime.check();
    return new SubWindow(this, offset, length);
  }

  close(hint?: string): void {
    const mapping = this.#mapping;
    if (mapping === null) return;
    this.#mapping = null;
    this.#lifetime.end(hint);
    this.#calls.unmapRegion(mapping.handle, mapping.buffer);
    this.#onClose(this);
  }

  /** Returns the text of the object in `console.log`. */
  [inspect.custom](depth: number, options: InspectContext): string {
    return inspectAs('RegisterWindow', { size: inHex(this.size), lost: this.lost }, depth, options);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Reads through native code. Throws if the offset is wrong or the window is closed. */
  #readSlow(offset: number, width: Width): bigint {
    const value = new BigUint64Array(1);
    this.#readNative(offset, new Uint8Array(value.buffer, 0, width), width);
    return value[0] ?? 0n;
  }

  #readNative(offset: number, into: Uint8Array, width: Width): void {
    const { handle } = this.#checkBlock(offset, into, width);
    this.#calls.readBlock(handle, offset, into, width);
    this.#updateViews();
  }

  #writeSlow(offset: number, width: Width, value: number | bigint): void {
    const bytes = BigInt64Array.of(BigInt.asIntN(64, BigInt(value)));
    this.writeBlock(offset, new Uint8Array(bytes.buffer, 0, width), width);
  }

  /** Writes by Atomics.store. */
  #writeOrdered(
    u: Uint8Array | Uint16Array | Uint32Array,
    bits: 8 | 16 | 32,
    offset: number,
    value: number,
  ): void {
    checkNumber(offset, 'offset');
    checkNumber(value, 'value');
    const isInRange = value >= -(2 ** (bits - 1)) && value < 2 ** bits;
    if (!Number.isInteger(value) || !isInRange) refuseValue(value, bits);
    const width = u.BYTES_PER_ELEMENT as Width;
    if (this.#covers(u, offset)) Atomics.store(u, offset / width, value);
    else this.#writeSlow(offset, width, value);
    if (this.#lost[0] !== 0) this.#updateViews();
  }

  /** Whether a write at the offset is allowed, and is an element of the typed array. */
  #covers(u: { readonly BYTES_PER_ELEMENT: number; readonly length: number }, offset: number) {
    const i = Math.trunc(offset / u.BYTES_PER_ELEMENT);
    const isAligned = i * u.BYTES_PER_ELEMENT === offset;
    return isAligned && i >= 0 && i < u.length && this.#writable;
  }

  /**
   * Empties the typed arrays if the device no longer responds. Restores the typed arrays if the
   * device responds again.
   */
  #updateViews(): void {
    const lost = this.#lost[0] !== 0;
    if (lost === this.#isLost || this.#mapping === null) return;
    this.#isLost = lost;
    const { buffer } = this.#mapping;
    [this.#u8, this.#u16, this.#u32, this.#u64] = views(buffer, lost || !IS_DIRECT ? 0 : this.size);
    // The event is emitted in a microtask, so no listener runs in the middle of an access.
    queueMicrotask(() => this.emit(lost ? 'lost' : 'restored'));
  }

  #checkBlock(offset: number, bytes: Uint8Array, width: Width): NativeWindow {
    checkBlock(bytes, width);
    const mapping = this.#mapping;
    if (mapping === null) throw this.#lifetime.error();
    checkWindowAccess(offset, width, bytes.length, this.size);
    return mapping;
  }
}

/**
 * Returns a typed array for each width. A typed array covers only complete registers within the
 * first `size` bytes.
 */
function views(
  buffer: ArrayBuffer,
  size: number,
): [Uint8Array, Uint16Array, Uint32Array, BigUint64Array] {
  return [
    new Uint8Array(buffer, 0, size),
    new Uint16Array(buffer, 0, Math.floor(size / 2)),
    new Uint32Array(buffer, 0, Math.floor(size / 4)),
    new BigUint64Array(buffer, 0, Math.floor(size / 8)),
  ];
}
