import { checkBoolean } from '../checks.js';
import type { Dispatcher } from './dispatcher.js';
import type { ExclusiveIrq } from './exclusive-irq.js';
import type { Handle } from './handle.js';
import { BoundIntxVector, type IntxOptions, type IntxVector } from './intx-vector.js';
import type { Irq } from './irq.js';
import { absentInterrupt } from './present.js';
import { checkVectorOptions } from './vector.js';

/** Creates the {@link Intx} of a device. */
export let createIntx: (
  handle: Handle,
  irq: Irq,
  exclusive: ExclusiveIrq,
  dispatcher: Dispatcher,
) => Intx;

/** INTx: the interrupt line of the device (INTA, INTB, INTC or INTD). */
export class Intx {
  readonly #handle: Handle;
  readonly #irq: Irq;
  readonly #exclusive: ExclusiveIrq;
  readonly #dispatcher: Dispatcher;
  #vector: BoundIntxVector | undefined;

  static {
    createIntx = (handle, irq, exclusive, dispatcher) =>
      new Intx(handle, irq, exclusive, dispatcher);
  }

  private constructor(handle: Handle, irq: Irq, exclusive: ExclusiveIrq, dispatcher: Dispatcher) {
    this.#handle = handle;
    this.#irq = irq;
    this.#exclusive = exclusive;
    this.#dispatcher = dispatcher;
    handle.addInterrupts(() => {
      exclusive.close();
      this.#vector?.release();
    });
  }

  /** Number of vectors: 1, or 0 if the device has no INTx. */
  get count(): number {
    return this.#irq.count;
  }

  /** Whether INTx is enabled. Only one of INTx, MSI and MSI-X can be enabled at a time. */
  get active(): boolean {
    return this.#exclusive.active;
  }

  /** The INTx vector, or undefined if the vector is not requested. */
  get vector(): IntxVector | undefined {
    return this.#vector;
  }

  /**
   * Enables INTx with a new eventfd (SET_IRQS with DATA_EVENTFD).
   *
   * @throws {@link VfioError} ENXIO if the device has no INTx; EBUSY if INTx is already in use, or
   *   if MSI or MSI-X is active
   */
  request(options: IntxOptions = {}): IntxVector {
    checkVectorOptions(options, ['autoUnmask']);
    if (options.autoUnmask !== undefined) checkBoolean(options.autoUnmask, 'autoUnmask');
    if (this.count === 0) {
      throw this.#irq.error('ENXIO', absentInterrupt(this.#handle.connection, 'intx'));
    }
    if (this.#vector !== undefined) throw this.#irq.error('EBUSY', 'intx is in use already');
    const context = {
      handle: this.#handle,
      irq: this.#irq,
      dispatcher: this.#dispatcher,
      // Unbinding only the eventfd would leave INTx active. An active INTx blocks MSI and MSI-X.
      unbind: () => {
        this.#exclusive.disable();
      },
      onClose: () => (this.#vector = undefined),
    };
    this.#vector = this.#exclusive.enable(() => new BoundIntxVector(context, options));
    return this.#vector;
  }

  /** Disables INTx and closes its vector. Idempotent. */
  disable(): void {
    this.#exclusive.disable();
    this.#vector?.release();
  }
}
