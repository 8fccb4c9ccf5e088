import type { Dispatcher } from './dispatcher.js';
import type { Handle } from './handle.js';
import type { Irq } from './irq.js';
import { checkVectorOptions, Vector, type VectorOptions } from './vector.js';

/**
 * An interrupt that VFIO itself raises, beside INTx, MSI or MSI-X. ERR: the device reported an
 * uncorrectable error (AER). REQ: see {@link HostRequest}.
 */
export class SingleIrq {
  readonly #handle: Handle;
  readonly #irq: Irq;
  readonly #dispatcher: Dispatcher;
  #vector: Vector | undefined;

  /** @internal */
  constructor(handle: Handle, irq: Irq, dispatcher: Dispatcher) {
    this.#handle = handle;
    this.#irq = irq;
    this.#dispatcher = dispatcher;
    handle.beforeClose(() => {
      this.close();
    });
  }

  /** 1, or 0 if the device has none: ERR needs PCI Express. */
  get count(): number {
    return this.#irq.count;
  }

  /** The vector, if it is in use. */
  get vector(): Vector | undefined {
    return this.#vector;
  }

  /**
   * Binds a new eventfd (SET_IRQS with DATA_EVENTFD).
   *
   * @throws {@link VfioError} ENXIO if the device has none; EBUSY if it is in use already
   */
  request(options: VectorOptions = {}): Vector {
    checkVectorOptions(options);
    const { name } = this.#irq;
    if (this.count === 0) throw this.#irq.error('ENXIO', `the device has no ${name}`);
    if (this.#vector !== undefined) throw this.#irq.error('EBUSY', `${name} is in use already`);
    this.#vector = this.bind(options, () => (this.#vector = undefined));
    return this.#vector;
  }

  /**
   * Closes its vector, whatever the kernel says.
   * @internal
   */
  close(): void {
    try {
      this.#vector?.close();
    } catch {
      // The kernel drops the eventfd with the device.
    }
  }

  /** The vector's eventfd in the place of the one there is, if any. @internal */
  protected bind(options: VectorOptions, onClose: () => void = () => undefined): Vector {
    const context = {
      handle: this.#handle,
      irq: this.#irq,
      dispatcher: this.#dispatcher,
      unbind: () => {
        this.unbind();
      },
      onClose,
    };
    return new Vector(context, 0, options);
  }

  /** @internal */
  protected unbind(): void {
    this.#irq.bindOne(0, null);
  }
}
