import { BoundVector } from './bound-vector.js';
import type { Dispatcher } from './dispatcher.js';
import type { Handle } from './handle.js';
import type { Irq } from './irq.js';
import { checkVectorOptions, type Vector, type VectorOptions } from './vector.js';

/**
 * An interrupt that VFIO itself raises, beside INTx, MSI or MSI-X. ERR: the device reported an
 * uncorrectable error (AER). REQ: see {@link HostRequest}.
 */
export interface SingleIrq {
  /** 1, or 0 if the device has none: ERR needs PCI Express. */
  readonly count: number;
  /** The vector while it is requested. */
  readonly vector: Vector | undefined;
  /**
   * Binds a new eventfd (SET_IRQS with DATA_EVENTFD).
   *
   * @throws {@link VfioError} ENXIO if the device has none; EBUSY if it is in use already
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
    handle.beforeClose(() => {
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

  /** Binds the eventfd of a new vector. It replaces an eventfd that is bound. */
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
    this.#irq.bindOne(0, null);
  }
}
