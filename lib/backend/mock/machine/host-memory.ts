import type { DmaMemory, ExternalMemory } from '../../../contract/index.js';
import { Lifetime } from '../../../contract/lifetime.js';

/**
 * Memory that a mock device can access. If a part of the memory is mapped, `release()` takes effect
 * when the last part is unmapped.
 */
export abstract class HostMemory implements DmaMemory {
  readonly size: number;
  /** Whether a device is allowed to write the memory. */
  readonly writable: boolean;
  readonly #lifetime = new Lifetime('the memory is released');
  #mappings = 0;

  constructor(size: number, writable: boolean) {
    this.size = size;
    this.writable = writable;
  }

  /** Copies bytes from memory for a DMA read. @returns false if the memory no longer exists */
  abstract copyOut(offset: number, into: Uint8Array): boolean;

  /** Copies bytes to memory for a DMA write. @returns false if the memory no longer exists */
  abstract copyIn(offset: number, from: Uint8Array): boolean;

  /** @throws VfioError EBADF if the memory is released */
  checkOpen(): void {
    this.#lifetime.check();
  }

  /** Adds 1 to the number of mappings. {@link unpin} subtracts 1. */
  pin(): void {
    this.#mappings++;
  }

  unpin(): void {
    if (--this.#mappings === 0 && !this.#lifetime.isOpen) this.free();
  }

  release(): void {
    if (this.#lifetime.end() && this.#mappings === 0) this.free();
  }

  protected abstract free(): void;
}

/** Memory of another process. */
export class ExternalHostMemory extends HostMemory {
  readonly #memory: ExternalMemory;

  constructor(memory: ExternalMemory) {
    super(memory.size, memory.writable);
    this.#memory = memory;
  }

  override copyOut(offset: number, into: Uint8Array): boolean {
    return this.#memory.read(offset, into);
  }

  override copyIn(offset: number, from: Uint8Array): boolean {
    return this.#memory.write(offset, from);
  }

  protected override free(): void {
    this.#memory.unmap();
  }
}
