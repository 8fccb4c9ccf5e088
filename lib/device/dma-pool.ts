import { inspect } from 'node:util';
import { checkInteger, checkOptions, PAGE_SIZE } from '../checks.js';
import { type InspectContext, inBytes, inHex, inspectAs } from '../contract/inspect.js';
import { Lifetime } from '../contract/lifetime.js';
import type { DmaBuffer } from './dma-buffer.js';

/** Options of {@link DmaSpace.createPool}. */
export interface DmaPoolOptions {
  /** The alignment of each piece in bytes: a power of two, at most the page size. Default: 64. */
  readonly align?: number | undefined;
}

/** A piece of a page that the device can reach. */
export interface DmaPiece {
  /** The address by which the device reaches the first byte. */
  readonly iova: bigint;
  /** The bytes of the piece. */
  readonly bytes: Uint8Array;
  /** Frees the piece, so that its pool can allocate the piece again. Idempotent. */
  free(): void;
  /** Like {@link DmaPiece.free}. */
  [Symbol.dispose](): void;
}

/** Where a free piece is. */
interface Place {
  readonly page: DmaBuffer;
  /** Bytes from the start of the page. */
  readonly offset: number;
  readonly iova: bigint;
}

/** Creates the {@link DmaPool} of pieces. */
export let createDmaPool: (
  size: number,
  options: DmaPoolOptions,
  allocatePage: () => DmaBuffer,
) => DmaPool;

/**
 * Pieces of one size, for example for descriptors. Pieces share pages, so a pool needs less memory
 * than a buffer for each piece. Made by {@link DmaSpace.createPool}.
 */
export class DmaPool {
  /** Size of a piece in bytes. */
  readonly size: number;
  readonly #stride: number;
  readonly #allocatePage: () => DmaBuffer;
  readonly #pages: DmaBuffer[] = [];
  readonly #free: Place[] = [];
  readonly #lifetime = new Lifetime('the DMA pool is closed');

  static {
    createDmaPool = (size, options, allocatePage) => new DmaPool(size, options, allocatePage);
  }

  private constructor(size: number, options: DmaPoolOptions, allocatePage: () => DmaBuffer) {
    checkInteger(size, 'size', 1, PAGE_SIZE);
    checkOptions(options, ['align']);
    const { align = 64 } = options;
    checkInteger(align, 'align', 1, PAGE_SIZE);
    if ((align & (align - 1)) !== 0) {
      throw new RangeError(`align must be a power of two, not ${align}`);
    }
    this.size = size;
    this.#stride = Math.ceil(size / align) * align;
    this.#allocatePage = allocatePage;
  }

  /**
   * Returns a piece. All its bytes are 0. If no piece is free, the pool maps one more page.
   *
   * @throws {@link VfioError} EBADF if the pool or the device is closed; the errors of
   *   {@link DmaSpace}
   */
  allocate(): DmaPiece {
    this.#lifetime.check();
    if (this.#free.length === 0) this.#addPage();
    const place = this.#free.pop();
    if (place === undefined) throw this.#lifetime.error();
    const { page, offset, iova } = place;
    // If the device is closed, the page throws EBADF.
    const bytes = page.bytes.subarray(offset, offset + this.size).fill(0);
    let isFree = false;
    const free = () => {
      if (!isFree && this.#lifetime.isOpen) this.#free.push(place);
      isFree = true;
    };
    const piece = {
      iova,
      bytes,
      free,
      [Symbol.dispose]: free,
      [inspect.custom]: (depth: number, options: InspectContext) =>
        inspectAs('DmaPiece', { iova: inHex(iova), bytes: inBytes(bytes) }, depth, options),
    };
    return piece;
  }

  /** Unmaps and frees all pages, also the pages of pieces that are in use. Idempotent. */
  close(): void {
    if (!this.#lifetime.end()) return;
    for (const page of this.#pages) page.free();
  }

  /** Like {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #addPage(): void {
    const page = this.#allocatePage();
    this.#pages.push(page);
    for (let offset = 0; offset + this.size <= page.size; offset += this.#stride) {
      this.#free.unshift({ page, offset, iova: page.iovaOf(offset) });
    }
  }
}
