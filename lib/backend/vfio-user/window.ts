import { inspect } from 'node:util';
import { type InspectContext, inHex, inspectAs } from '../../contract/inspect.js';
import { EventEmitter } from 'node:events';
import type { RegisterWindow, Width, WindowEvents } from '../../contract/index.js';
import { Lifetime } from '../../contract/lifetime.js';
import { SubWindow } from '../../contract/sub-window.js';
import { checkBlock, checkWindowAccess, refuseValue } from '../../contract/window-access.js';
import { readRegisters, writeRegisters } from '../../contract/window-block.js';
import { VfioError } from '../../errors.js';
import type { MappedArea, WindowExtent } from './mapped-areas.js';
import type { RegionCalls } from './region-calls.js';

const S64_MIN = -(2n ** 63n);
const U64_MAX = 2n ** 64n - 1n;
const BITS = { 1: 8, 2: 16, 4: 32 } as const;

/**
 * Registers of a region. Registers that the server shares are memory. Each access to another
 * register is a message with a reply. An error reply means that the device does not respond.
 */
export class UserWindow extends EventEmitter<WindowEvents> implements RegisterWindow {
  readonly size: number;
  readonly #calls: RegionCalls;
  readonly #region: number;
  readonly #base: number;
  readonly #areas: readonly MappedArea[];
  readonly #onClose: (window: UserWindow) => void;
  readonly #lifetime: Lifetime;
  #isLost = false;
  /** Whether the server has ended. */
  #isGone = false;

  constructor(
    calls: RegionCalls,
    { path, region, offset, length }: WindowExtent,
    areas: readonly MappedArea[],
    onClose: (window: UserWindow) => void,
  ) {
    super();
    this.size = length;
    this.#calls = calls;
    this.#region = region;
    this.#base = offset;
    this.#areas = areas;
    this.#onClose = onClose;
    this.#lifetime = new Lifetime('the register window is closed', path);
  }

  get lost(): boolean {
    return this.#isLost;
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
    const area = this.#find(offset, 8);
    if (area !== undefined) {
      const value = area.window.read64(offset - area.start);
      this.#setLost(area.window.lost);
      return value;
    }
    return this.#access(() => this.#calls.load64(this.#region, this.#base + offset)) ?? U64_MAX;
  }

  write8(offset: number, value: number): void {
    this.#write(offset, 1, value);
  }

  write16(offset: number, value: number): void {
    this.#write(offset, 2, value);
  }

  /**
   * @param value - an unsigned 32-bit number, or a signed 32-bit number as returned by JavaScript's
   *   bit operators
   */
  write32(offset: number, value: number): void {
    this.#write(offset, 4, value);
  }

  write64(offset: number, value: bigint): void {
    const area = this.#find(offset, 8);
    if (typeof value !== 'bigint' || value < S64_MIN || value > U64_MAX) refuseValue(value, 64);
    if (area !== undefined) {
      area.window.write64(offset - area.start, value);
      this.#setLost(area.window.lost);
      return;
    }
    const unsigned = BigInt.asUintN(64, value);
    this.#access(() => {
      this.#calls.store64(this.#region, this.#base + offset, unsigned);
    });
  }

  readBlock(offset: number, into: Uint8Array, width: Width): void {
    this.#checkBlock(offset, into, width);
    readRegisters(this, offset, into, width);
  }

  writeBlock(offset: number, from: Uint8Array, width: Width): void {
    this.#checkBlock(offset, from, width);
    writeRegisters(this, offset, from, width);
  }

  /** Called when the server has ended. From then on, all registers read as all ones. */
  lose(): void {
    this.#isGone = true;
    for (const { window } of this.#areas) window.close();
    this.#setLost(true);
  }

  sub(offset: number, length: number): RegisterWindow {
    this.#lifetime.check();
    return new SubWindow(this, offset, length);
  }

  close(hint?: string): void {
    if (!this.#lifetime.end(hint)) return;
    for (const { window } of this.#areas) window.close();
    this.#onClose(this);
  }

  /** Returns the text of the object in `console.log`. */
  [inspect.custom](depth: number, options: InspectContext): string {
    return inspectAs('RegisterWindow', { size: inHex(this.size), lost: this.lost }, depth, options);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(offset: number, width: 1 | 2 | 4): number {
    const area = this.#find(offset, width);
    if (area !== undefined) {
      const at = offset - area.start;
      const { window } = area;
      const value =
        width === 4 ? window.read32(at) : width === 2 ? window.read16(at) : window.read8(at);
      this.#setLost(window.lost);
      return value;
    }
    const value = this.#access(() => this.#calls.load(this.#region, this.#base + offset, width));
    return value ?? 2 ** BITS[width] - 1;
  }

  #write(offset: number, width: 1 | 2 | 4, value: number): void {
    const area = this.#find(offset, width);
    const bits = BITS[width];
    const limit = 2 ** bits;
    if (!Number.isInteger(value) || value < -limit / 2 || value >= limit) refuseValue(value, bits);
    const unsigned = value < 0 ? value + limit : value;
    if (area !== undefined) {
      const at = offset - area.start;
      const { window } = area;
      if (width === 4) window.write32(at, unsigned);
      else if (width === 2) window.write16(at, unsigned);
      else window.write8(at, unsigned);
      this.#setLost(window.lost);
      return;
    }
    this.#access(() => {
      this.#calls.store(this.#region, this.#base + offset, width, unsigned);
    });
  }

  /** Makes an access by messages. @returns undefined if the device does not respond */
  #access<T>(run: () => T): T | undefined {
    if (this.#isGone) return undefined;
    try {
      const result = run();
      this.#setLost(false);
      return result;
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.#setLost(true);
      return undefined;
    }
  }

  #setLost(isLost: boolean): void {
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    // The event is emitted in a microtask, so no listener runs in the middle of an access.
    queueMicrotask(() => this.emit(isLost ? 'lost' : 'restored'));
  }

  /** Checks an access. @returns the memory that contains the register, if the server shares it */
  #find(offset: number, width: Width): MappedArea | undefined {
    this.#lifetime.check();
    checkWindowAccess(offset, width, width, this.size);
    if (this.#isGone) return undefined;
    return this.#areas.find(({ start, end }) => offset >= start && offset < end);
  }

  #checkBlock(offset: number, bytes: Uint8Array, width: Width): void {
    checkBlock(bytes, width);
    this.#lifetime.check();
    checkWindowAccess(offset, width, bytes.length, this.size);
  }
}
