import { BoundVector } from './bound-vector.js';
import type { Dispatcher } from './dispatcher.js';
import type { Handle } from './handle.js';
import type { Irq } from './irq.js';
import { checkVectorOptions, type Vector, type VectorOptions } from './vector.js';

/**
 * ERR or REQ: an interrupt index with one vector. VFIO itself raises this interrupt. VFIO raises
 * ERR when the device reports an uncorrectable error (AER). For REQ see {@link HostRequest}.
 */
export interface SingleIrq {
  /**
   * Number of vectors: 1, or 0 if the device does not have this interrupt. ERR needs PCI Express.
   */
  readonly count: number;
  /** The requested vector, or undefined if no vector is requested. */
  readonly vector: Vector | undefined;
  /**
   * Binds a new eventfd to the interrupt (SET_IRQS with DATA_EVENTFD).
   *
   * @throws {@link VfioError} ENXIO if the device does not have this interrupt; EBUSY if the
   *   interrupt is already in use
   */
  request(options?: VectorOptions): Vector;
}

/** An interrupt index with one vector. */
export class SingleIrqIndex implements SingleIrq {
  readonly #handle: Handle;
  readonly #irq: Irq;
  readonly #dispatcher: Dispatcher;
  #vector: Vector | undefined;

  constructor(handle: Handle, irq: Irq, dispatcher: Dispatcher) {
    this.#handle = handle;
    this.#irq = irq;
    this.#dispatcher = dispatcher;
    handle.addInterrupts(() => {
      this.close();
    });
  }

  get count(): number {
    return this.#irq.count;
  }

  get vector(): Vector | undefined {
    return this.#vector;
  }

  request(options: VectorOptions = {}): Vector {
    checkVectorOptions(options);
    const { name } = this.#irq;
    if (this.count === 0) throw this.#irq.error('ENXIO', `the device has no ${name}`);
    if (this.#vector !== undefined) throw this.#irq.error('EBUSY', `${name} is in use already`);
    this.#vector = this.bind(options, () => (this.#vector = undefined));
    return this.#vector;
  }

  /** Closes the vector when the device closes. */
  protected close(): void {
    this.#vector?.close();
  }

  /**
   * Creates a vector and binds its eventfd. If another eventfd is already bound, the new eventfd
   * replaces it.
   */
  protected bind(options: VectorOptions, onClose: () => void = () => undefined): BoundVector {
    const context = {
      handle: this.#handle,
      irq: this.#irq,
      dispatcher: this.#dispatcher,
      unbind: () => {
        this.unbind();
      },
      onClose,
    };
    return new BoundVector(context, 0, options);
  }

  protected unbind(): void {
    this.#irq.bindVector(0, null);
  }
}
