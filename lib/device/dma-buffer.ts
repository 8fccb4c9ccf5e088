import { inspect } from 'node:util';
import { type InspectContext, inBytes, inHex, inspectAs } from '../contract/inspect.js';
import type { Memory } from '../contract/index.js';
import { type DmaMapping, DmaRange } from './dma-range.js';

/** Creates the {@link DmaBuffer} of a mapping. */
export let createDmaBuffer: (mapping: DmaMapping<Memory>, free: () => void) => DmaBuffer;

/**
 * Memory that the program shares with the device. Poll this memory with `Atomics.load`, because the
 * optimizer of V8 can remove or merge plain reads.
 */
export class DmaBuffer extends DmaRange {
  readonly #bytes: Uint8Array;
  readonly #mapping: DmaMapping<Memory>;

  static {
    createDmaBuffer = (mapping, free) => new DmaBuffer(mapping, free);
  }

  private constructor(mapping: DmaMapping<Memory>, free: () => void) {
    super(mapping, free);
    this.#bytes = new Uint8Array(mapping.memory.buffer, 0, mapping.size);
    this.#mapping = mapping;
  }

  /**
   * All bytes of the buffer. If `dma.allocate()` created the buffer, {@link free} detaches all
   * views of the memory. A detached view has the length 0.
   *
   * @throws {@link VfioError} EBADF after {@link free} and after the device is closed
   */
  get bytes(): Uint8Array {
    this.#mapping.lifetime.check();
    return this.#bytes;
  }

  /**
   * The memory that {@link bytes} shows. A program can create views of other types on this memory.
   * Throws the same error as {@link bytes}.
   */
  get buffer(): ArrayBuffer | SharedArrayBuffer {
    this.#mapping.lifetime.check();
    return this.#bytes.buffer;
  }

  /** Returns the text of the object in `console.log`. */
  override [inspect.custom](depth: number, options: InspectContext): string {
    const { iova, size, access } = this;
    const bytes = this.#mapping.lifetime.isOpen ? { bytes: inBytes(this.#bytes) } : { freed: true };
    const shown = { iova: inHex(iova), size: inHex(size), access, ...bytes };
    return inspectAs('DmaBuffer', shown, depth, options);
  }
}
