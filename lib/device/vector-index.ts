import { VFIO_IRQ_INFO_NORESIZE } from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { checkInteger, checkOptions } from '../checks.js';
import type { Dispatcher } from './dispatcher.js';
import type { Exclusive } from './exclusive.js';
import type { Handle } from './handle.js';
import type { Irq } from './irq.js';
import { BoundVector, type VectorContext } from './bound-vector.js';
import { checkVectorOptions, type Vector, type VectorOptions } from './vector.js';

/** How many vectors the program is going to use. */
export interface EnableOptions {
  /** 1 to `count`. It matters only where the host cannot give all of `noresize` vectors. */
  vectors?: number | undefined;
}

/** Creates the {@link VectorIndex} of an interrupt index. */
export let createVectorIndex: (
  handle: Handle,
  irq: Irq,
  exclusive: Exclusive,
  dispatcher: Dispatcher,
) => VectorIndex;

/**
 * The vectors of MSI or MSI-X, requested one by one.
 *
 * Where the host can grow them (MSI-X since Linux 6.5: `noresize` is false) each vector is added
 * alone. Where it cannot, all of the table is enabled once, without handlers, and each vector is
 * bound alone later. If the host does not have that many, as many as were announced are enabled,
 * and a request beyond them is an error: nothing that works is ever torn down to grow.
 *
 * With MSI the device is told how many vectors are enabled (Multiple Message Enable) and may use
 * all of them: request every one it sends on.
 */
export class VectorIndex {
  readonly #handle: Handle;
  readonly #irq: Irq;
  readonly #exclusive: Exclusive;
  readonly #dispatcher: Dispatcher;
  readonly #vectors = new Map<number, BoundVector>();
  /** Vectors that can be bound while it is active. */
  #enabled = 0;

  static {
    createVectorIndex = (handle, irq, exclusive, dispatcher) =>
      new VectorIndex(handle, irq, exclusive, dispatcher);
  }

  private constructor(handle: Handle, irq: Irq, exclusive: Exclusive, dispatcher: Dispatcher) {
    this.#handle = handle;
    this.#irq = irq;
    this.#exclusive = exclusive;
    this.#dispatcher = dispatcher;
    handle.beforeClose(() => {
      this.#close();
    });
  }

  /** Vectors the device has; 0 if it does not have the capability (VFIO_DEVICE_GET_IRQ_INFO). */
  get count(): number {
    return this.#irq.count;
  }

  /** Whether the number of enabled vectors is fixed once the first one is. */
  get noresize(): boolean {
    return (this.#irq.info.flags & VFIO_IRQ_INFO_NORESIZE) !== 0;
  }

  /** Whether it is enabled. Of INTx, MSI and MSI-X only one can be. */
  get active(): boolean {
    return this.#exclusive.active === this.#irq;
  }

  /**
   * Enables without binding a vector. The first request does it with the number of its vector
   * announced; call this before if there will be higher ones.
   *
   * @throws RangeError for more vectors than the device has
   * @throws {@link VfioError} EBUSY if INTx, MSI or MSI-X is active instead; ENOSPC, with
   *   `available`, if the host has fewer vectors than announced; EINVAL if fewer are enabled already
   */
  enable(options: EnableOptions = {}): void {
    checkOptions(options, ['vectors']);
    const { vectors = 1 } = options;
    this.#check('vectors', vectors, 1);
    if (this.active) {
      if (vectors > this.#enabled) throw this.#beyond(vectors - 1);
      return;
    }
    this.#enabled = this.#exclusive.enable(this.#irq, () => this.#enable(vectors));
  }

  /**
   * Takes a vector into use: creates its eventfd, watches it and has the kernel signal it
   * (SET_IRQS with DATA_EVENTFD). If a step fails, those before it are undone.
   *
   * @param vector - 0 to `count - 1`
   * @throws RangeError for a vector the device does not have
   * @throws {@link VfioError} EBUSY if it is in use already; EINVAL if it is beyond what the host
   *   could give; as {@link enable} otherwise
   */
  request(vector: number, options: VectorOptions = {}): Vector {
    const { name } = this.#irq;
    this.#check('vector', vector, 0);
    if (this.#vectors.has(vector)) {
      throw this.#irq.error('EBUSY', `${name} vector ${vector} is in use already`);
    }
    checkVectorOptions(options);
    const enabledBefore = this.active;
    if (!enabledBefore) this.enable({ vectors: vector + 1 });
    else if (vector >= this.#enabled) throw this.#beyond(vector);
    try {
      const requested = new BoundVector(this.#context(vector), vector, options);
      this.#vectors.set(vector, requested);
      this.#handle.changes.emit('vector', name, vector, 'requested');
      return requested;
    } catch (error) {
      if (!enabledBefore) this.#close();
      throw error;
    }
  }

  /** The vector of that number, if it is in use. */
  vector(vector: number): Vector | undefined {
    return this.#vectors.get(vector);
  }

  /**
   * Disables all of it (SET_IRQS with DATA_NONE and count 0) and closes its vectors. Idempotent.
   * Interrupts that were under way are lost.
   */
  disable(): void {
    this.#exclusive.disable(this.#irq);
    this.#release();
  }

  /** As {@link disable}, but ignores a failure of the kernel. */
  #close(): void {
    this.#exclusive.close(this.#irq);
    this.#release();
  }

  #check(what: string, value: number, first: 0 | 1): void {
    const { count, name } = this.#irq;
    if (count === 0) throw new RangeError(`the device has no ${name}`);
    checkInteger(value, `${what} (the device has ${count} of ${name})`, first, first + count - 1);
  }

  #release(): void {
    for (const vector of this.#vectors.values()) vector.release();
  }

  #context(vector: number): VectorContext {
    return {
      handle: this.#handle,
      irq: this.#irq,
      dispatcher: this.#dispatcher,
      unbind: () => {
        this.#irq.bindOne(vector, null);
      },
      onClose: () => {
        this.#vectors.delete(vector);
        this.#handle.changes.emit('vector', this.#irq.name, vector, 'released');
      },
    };
  }

  /** @returns how many vectors can be bound from now on */
  #enable(announced: number): number {
    const { count } = this.#irq;
    if (!this.noresize) {
      this.#irq.bindOne(0, null);
      return count;
    }
    const refusal = this.#tryEnable(count);
    if (refusal === null) return count;
    const refusedAgain = announced < count ? this.#tryEnable(announced) : refusal;
    if (refusedAgain === null) return announced;
    throw refusedAgain;
  }

  /** @returns null, or what the host said to so many vectors */
  #tryEnable(vectors: number): VfioError | null {
    try {
      const available = this.#irq.bind(0, new Array<null>(vectors).fill(null));
      return available === 0 ? null : this.#irq.shortage(vectors, available);
    } catch (error) {
      if (error instanceof VfioError && error.code === 'ENOSPC') return error;
      throw error;
    }
  }

  #beyond(vector: number): VfioError {
    const { name } = this.#irq;
    return this.#irq.error(
      'EINVAL',
      `${name} vector ${vector} is beyond the ${this.#enabled} that are enabled, and the host cannot add to them`,
      `Announce the number before the first request: interrupts.${name}.enable({ vectors: ${vector + 1} }).`,
    );
  }
}
