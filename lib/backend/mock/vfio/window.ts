import { inspect } from 'node:util';
import { type InspectContext, inHex, inspectAs } from '../../../contract/inspect.js';
import { EventEmitter } from 'node:events';
import type { DeviceClock } from '../../../contract/clock.js';
import type { RegisterWindow, Width, WindowEvents } from '../../../contract/index.js';
import { Lifetime } from '../../../contract/lifetime.js';
import { SubWindow } from '../../../contract/sub-window.js';
import { checkBlock, checkWindowAccess, refuseValue } from '../../../contract/window-access.js';
import { readRegisters, writeRegisters } from '../../../contract/window-block.js';
import type { HardwareFunction } from '../hardware/function.js';

const S64_MIN = -(2n ** 63n);
const U64_MAX = 2n ** 64n - 1n;
const BITS = { 1: 8, 2: 16, 4: 32 } as const;

/** The interface between a register window and its device. */
export interface WindowTarget {
  readonly clock: DeviceClock;
  readonly bars: Pick<HardwareFunction, 'readBar' | 'readBar64' | 'writeBar' | 'writeBar64'>;
  /**
   * Whether the device responds. While the value is false, registers read as all ones and writes
   * are dropped.
   */
  readonly reachable: boolean;
}

/** The part of a BAR that a window covers. */
export interface WindowExtent {
  /** Name of the device and of the region, for error messages. */
  readonly path: string;
  readonly bar: number;
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** A mapped BAR. Each access calls the device's registers with the same offset, width and value. */
export class MockWindow extends EventEmitter<WindowEvents> implements RegisterWindow {
  readonly size: number;
  readonly clock: DeviceClock;
  /** Null after {@link close}, so that a closed window does not keep its device in memory. */
  #target: WindowTarget | null;
  readonly #bar: number;
  readonly #base: number;
  #onClose: ((window: MockWindow) => void) | null;
  readonly #lifetime: Lifetime;
  #lost = false;

  constructor(
    target: WindowTarget,
    { path, bar, offset, length }: WindowExtent,
    onClose: (window: MockWindow) => void,
  ) {
    super();
    this.size = length;
    this.clock = target.clock;
    this.#target = target;
    this.#bar = bar;
    this.#base = offset;
    this.#lifetime = new Lifetime('the register window is closed', path);
    this.#onClose = onClose;
  }

  get lost(): boolean {
    return this.#lost;
  }

  read8(offset: number): number {
    return this.#read(offset, 1);
  }

  read16(offset: number): number {
    return this.#read(offset, 2);
  }

  read32(offset: number): number {
    return this.#read(offset, 4);
  }

  read64(offset: number): bigint {
    this.#check(offset, 8);
    return this.#reachableBars()?.readBar64(this.#bar, this.#base + offset) ?? U64_MAX;
  }

  write8(offset: number, value: number): void {
    this.#write(offset, 1, value);
  }

  write16(offset: number, value: number): void {
    this.#write(offset, 2, value);
  }

  /**
   * @param value - a 32-bit value, unsigned or signed; JavaScript's bit operators return signed
   *   values
   */
  write32(offset: number, value: number): void {
    this.#write(offset, 4, value);
  }

  write64(offset: number, value: bigint): void {
    this.#check(offset, 8);
    if (typeof value !== 'bigint' || value < S64_MIN || value > U64_MAX) refuseValue(value, 64);
    const unsigned = BigInt.asUintN(64, value);
    this.#reachableBars()?.writeBar64(this.#bar, this.#base + offset, unsigned);
  }

  readBlock(offset: number, into: Uint8Array, width: Width): void {
    this.#checkBlock(offset, into, width);
    readRegisters(this, offset, into, width);
  }

  writeBlock(offset: number, from: Uint8Array, width: Width): void {
    this.#checkBlock(offset, from, width);
    writeRegisters(this, offset, from, width);
  }

  sub(offset: number, length: number): RegisterWindow {
    this.#lifetime.check();
    return new SubWindow(this, offset, length);
  }

  close(hint?: string): void {
    if (!this.#lifetime.end(hint)) return;
    this.#onClose?.(this);
    this.#onClose = null;
    this.#target = null;
  }

  /** Returns the text of the object in `console.log`. */
  [inspect.custom](depth: number, options: InspectContext): string {
    return inspectAs('RegisterWindow', { size: inHex(this.size), lost: this.lost }, depth, options);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(offset: number, width: 1 | 2 | 4): number {
    this.#check(offset, width);
    const ones = 2 ** (8 * width) - 1;
    return this.#reachableBars()?.readBar(this.#bar, this.#base + offset, width) ?? ones;
  }

  #write(offset: number, width: 1 | 2 | 4, value: number): void {
    this.#check(offset, width);
    const bits = BITS[width];
    const limit = 2 ** bits;
    if (!Number.isInteger(value) || value < -limit / 2 || value >= limit) refuseValue(value, bits);
    const unsigned = value < 0 ? value + limit : value;
    this.#reachableBars()?.writeBar(this.#bar, this.#base + offset, width, unsigned);
  }

  /** Returns the BARs of the device. Returns null while the device does not respond. */
  #reachableBars(): WindowTarget['bars'] | null {
    if (this.#target === null) return null;
    const { bars, reachable } = this.#target;
    if (reachable === this.#lost) {
      this.#lost = !reachable;
      queueMicrotask(() => this.emit(reachable ? 'restored' : 'lost'));
    }
    return reachable ? bars : null;
  }

  #checkBlock(offset: number, bytes: Uint8Array, width: Width): void {
    checkBlock(bytes, width);
    this.#check(offset, width, bytes.length);
  }

  #check(offset: number, width: Width, length: number = width): void {
    this.#lifetime.check();
    checkWindowAccess(offset, width, length, this.size);
  }
}
