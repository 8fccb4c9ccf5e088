import { inspect } from 'node:util';
import { type InspectContext, inHex, inspectAs } from './inspect.js';
import { EventEmitter } from 'node:events';
import { checkExtent, checkInteger } from '../checks.js';
import type { DeviceClock } from './clock.js';
import { Lifetime } from './lifetime.js';
import { checkBlock, checkWindowAccess } from './window-access.js';
import type { RegisterWindow, Width, WindowEvents } from './window.js';

/** A part of a register window. The whole window makes the accesses and detects a loss. */
export class SubWindow extends EventEmitter<WindowEvents> implements RegisterWindow {
  readonly size: number;
  readonly #window: RegisterWindow;
  readonly #base: number;
  readonly #lifetime = new Lifetime('the part of the register window is closed');
  /** The listeners of the whole window that emit the events of this part. */
  readonly #forwarders = new Map<keyof WindowEvents, () => void>();

  /**
   * @param offset - bytes from the start of the window, a multiple of 8
   * @throws RangeError if the part is not within the window
   */
  constructor(window: RegisterWindow, offset: number, length: number) {
    super();
    checkInteger(offset, 'offset', 0, window.size);
    if (offset % 8 !== 0) throw new RangeError(`offset ${offset} is not a multiple of 8`);
    checkInteger(length, 'length', 1, window.size);
    checkExtent(offset, length, window.size);
    this.size = length;
    this.#window = window;
    this.#base = offset;
    (this as EventEmitter).on('newListener', (event: unknown) => {
      if (event === 'lost' || event === 'restored') this.#forward(event);
    });
  }

  get lost(): boolean {
    return this.#window.lost;
  }

  get clock(): DeviceClock | undefined {
    return this.#window.clock;
  }

  read8(offset: number): number {
    return this.#window.read8(this.#at(offset, 1));
  }

  read16(offset: number): number {
    return this.#window.read16(this.#at(offset, 2));
  }

  read32(offset: number): number {
    return this.#window.read32(this.#at(offset, 4));
  }

  read64(offset: number): bigint {
    return this.#window.read64(this.#at(offset, 8));
  }

  write8(offset: number, value: number): void {
    this.#window.write8(this.#at(offset, 1), value);
  }

  write16(offset: number, value: number): void {
    this.#window.write16(this.#at(offset, 2), value);
  }

  write32(offset: number, value: number): void {
    this.#window.write32(this.#at(offset, 4), value);
  }

  write64(offset: number, value: bigint): void {
    this.#window.write64(this.#at(offset, 8), value);
  }

  readBlock(offset: number, into: Uint8Array, width: Width): void {
    checkBlock(into, width);
    this.#window.readBlock(this.#at(offset, width, into.length), into, width);
  }

  writeBlock(offset: number, from: Uint8Array, width: Width): void {
    checkBlock(from, width);
    this.#window.writeBlock(this.#at(offset, width, from.length), from, width);
  }

  sub(offset: number, length: number): RegisterWindow {
    return new SubWindow(this, offset, length);
  }

  close(hint?: string): void {
    if (!this.#lifetime.end(hint)) return;
    for (const [event, forwarder] of this.#forwarders) this.#window.off(event, forwarder);
    this.#forwarders.clear();
  }

  /** Returns the text of the object in `console.log`. */
  [inspect.custom](depth: number, options: InspectContext): string {
    return inspectAs('RegisterWindow', { size: inHex(this.size), lost: this.lost }, depth, options);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Checks an access. @returns its offset in the whole window */
  #at(offset: number, width: Width, length: number = width): number {
    this.#lifetime.check();
    checkWindowAccess(offset, width, length, this.size);
    return this.#base + offset;
  }

  #forward(event: keyof WindowEvents): void {
    if (this.#forwarders.has(event) || !this.#lifetime.isOpen) return;
    const forwarder = () => {
      this.emit(event);
    };
    this.#forwarders.set(event, forwarder);
    this.#window.on(event, forwarder);
  }
}
