import { VFIO_IRQ_INFO_NORESIZE } from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { checkInteger, checkOptions } from '../checks.js';
import type { Dispatcher } from './dispatcher.js';
import type { ExclusiveIrq } from './exclusive-irq.js';
import type { Handle } from './handle.js';
import type { Irq } from './irq.js';
import { absentInterrupt } from './present.js';
import { BoundVector, type VectorContext } from './bound-vector.js';
import { checkVectorOptions, type Vector, type VectorOptions } from './vector.js';

/** Options of {@link VectorIndex.enable}. */
export interface EnableOptions {
  /**
   * Number of vectors that the program needs, 1 to `count`. Used only if `noresize` is true and
   * the host cannot provide every vector of the device.
   */
  vectors?: number | undefined;
}

/** Creates the {@link VectorIndex} of an interrupt index. */
export let createVectorIndex: (
  handle: Handle,
  irq: Irq,
  exclusive: ExclusiveIrq,
  dispatcher: Dispatcher,
) => VectorIndex;

/**
 * The vectors of MSI or MSI-X. The program requests each vector separately.
 *
 * If `noresize` is false (MSI-X since Linux 6.5), the kernel can add vectors, and each request adds
 * one vector. If `noresize` is true, all vectors of the device are enabled together, without
 * eventfds. Each request then binds an eventfd to one vector.
 *
 * If `noresize` is true and the host cannot provide every vector, only the announced number of
 * vectors is enabled. A request for a vector beyond that number fails with EINVAL. The library
 * never disables working vectors to enable more.
 *
 * With MSI, the kernel sets Multiple Message Enable to the number of enabled vectors. The device
 * can then signal each of these vectors. The program must request every vector that the device
 * signals.
 */
export class VectorIndex {
  readonly #handle: Handle;
  readonly #irq: Irq;
  readonly #exclusive: ExclusiveIrq;
  readonly #dispatcher: Dispatcher;
  /** The requested vectors by their numbers. */
  readonly #vectors: (BoundVector | undefined)[] = [];
  /** Number of vectors that can be bound while the index is active. */
  #enabledCount = 0;

  static {
    createVectorIndex = (handle, irq, exclusive, dispatcher) =>
      new VectorIndex(handle, irq, exclusive, dispatcher);
  }

  private constructor(handle: Handle, irq: Irq, exclusive: ExclusiveIrq, dispatcher: Dispatcher) {
    this.#handle = handle;
    this.#irq = irq;
    this.#exclusive = exclusive;
    this.#dispatcher = dispatcher;
    handle.addInterrupts(() => {
      this.#close();
    });
  }

  /** Number of vectors of the device; 0 without the capability (VFIO_DEVICE_GET_IRQ_INFO). */
  get count(): number {
    return this.#irq.count;
  }

  /** Whether the number of enabled vectors is fixed as soon as the first vector is enabled. */
  get noresize(): boolean {
    return (this.#irq.info.flags & VFIO_IRQ_INFO_NORESIZE) !== 0;
  }

  /**
   * Whether the index is enabled, by this object or by a source of virtual vectors. Only one of
   * INTx, MSI and MSI-X can be enabled at a time.
   */
  get active(): boolean {
    return this.#exclusive.active;
  }

  /**
   * Enables the index without binding a vector. Without a call of `enable()`, the first
   * `request(n)` enables the index with `vectors: n + 1`. If the program will request a vector
   * above `n`, call `enable()` before the first request.
   *
   * @throws RangeError if `vectors` exceeds the number of vectors of the device
   * @throws {@link VfioError} EBUSY if INTx, MSI or MSI-X is active instead of this index, or if a
   *   source of virtual vectors uses this index; EINVAL if the index is already enabled with fewer
   *   vectors; ENOSPC if the host has too few vectors; `available` is then the number of vectors on
   *   the host
   */
  enable(options: EnableOptions = {}): void {
    checkOptions(options, ['vectors']);
    const { vectors = 1 } = options;
    this.#checkNumber('vectors', vectors, 1);
    if (this.#exclusive.enabled) {
      if (vectors > this.#enabledCount) throw this.#beyondEnabledError(vectors - 1);
      return;
    }
    this.#enabledCount = this.#exclusive.enable(() => this.#enableIndex(vectors));
  }

  /**
   * Requests a vector: creates its eventfd, watches the eventfd and binds the eventfd to the vector
   * (SET_IRQS with DATA_EVENTFD). If a step fails, the earlier steps are undone.
   *
   * @param vector - 0 to `count - 1`
   * @throws RangeError if the device does not have the vector
   * @throws {@link VfioError} EBUSY if the vector is already in use; EINVAL if the vector is not
   *   enabled and the host cannot add vectors; and the same errors as {@link enable}
   */
  request(vector: number, options: VectorOptions = {}): Vector {
    const { name } = this.#irq;
    this.#checkNumber('vector', vector, 0);
    if (this.#vectors[vector] !== undefined) {
      throw this.#irq.error('EBUSY', `${name} vector ${vector} is in use already`);
    }
    checkVectorOptions(options);
    const enabledBefore = this.#exclusive.enabled;
    if (!enabledBefore) this.enable({ vectors: vector + 1 });
    else if (vector >= this.#enabledCount) throw this.#beyondEnabledError(vector);
    try {
      const requested = new BoundVector(this.#contextOf(vector), vector, options);
      this.#vectors[vector] = requested;
      this.#handle.changes.emit('vector', name, vector, 'requested');
      return requested;
    } catch (error) {
      if (!enabledBefore) this.#close();
      throw error;
    }
  }

  /** Returns the requested vector with this number, or undefined if the vector is not requested. */
  vector(vector: number): Vector | undefined {
    // Without types, a text such as 'length' would find a property of the array.
    return typeof vector === 'number' ? this.#vectors[vector] : undefined;
  }

  /**
   * Disables the index (SET_IRQS with DATA_NONE and count 0) and closes its vectors. Idempotent.
   * Interrupts that are not yet delivered are lost. If a source of virtual vectors uses the index,
   * the index stays enabled.
   */
  disable(): void {
    this.#exclusive.disable();
    this.#releaseVectors();
  }

  /** Does the same as {@link disable}, but ignores an error of the kernel. */
  #close(): void {
    this.#exclusive.close();
    this.#releaseVectors();
  }

  #checkNumber(what: string, value: number, first: 0 | 1): void {
    const { count, name } = this.#irq;
    if (count === 0) throw new RangeError(absentInterrupt(this.#handle.connection, name));
    checkInteger(value, `${what} (the device has ${count} of ${name})`, first, first + count - 1);
  }

  #releaseVectors(): void {
    for (const vector of this.#vectors) vector?.release();
  }

  #contextOf(vector: number): VectorContext {
    return {
      handle: this.#handle,
      irq: this.#irq,
      dispatcher: this.#dispatcher,
      unbind: () => {
        this.#irq.bindVector(vector, null);
      },
      onClose: () => {
        this.#vectors[vector] = undefined;
        this.#handle.changes.emit('vector', this.#irq.name, vector, 'released');
      },
    };
  }

  /**
   * Enables the index.
   * @returns number of vectors that can be bound while the index is enabled
   */
  #enableIndex(announced: number): number {
    const { count } = this.#irq;
    if (!this.noresize) {
      this.#irq.bindVector(0, null);
      return count;
    }
    const refusal = this.#tryEnable(count);
    if (refusal === null) return count;
    const refusedAgain = announced < count ? this.#tryEnable(announced) : refusal;
    if (refusedAgain === null) return announced;
    throw refusedAgain;
  }

  /** @returns null, or the error if the host cannot provide this number of vectors */
  #tryEnable(vectors: number): VfioError | null {
    try {
      const available = this.#irq.bind(0, new Array<null>(vectors).fill(null));
      return available === 0 ? null : this.#irq.shortageError(vectors, available);
    } catch (error) {
      if (error instanceof VfioError && error.code === 'ENOSPC') return error;
      throw error;
    }
  }

  #beyondEnabledError(vector: number): VfioError {
    const { name } = this.#irq;
    return this.#irq.error(
      'EINVAL',
      `${name} vector ${vector} exceeds the ${this.#enabledCount} enabled vectors, and the host cannot add vectors`,
      `Announce the number before the first request: interrupts.${name}.enable({ vectors: ${vector + 1} }).`,
    );
  }
}
