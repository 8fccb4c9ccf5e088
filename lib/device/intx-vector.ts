import type { Eventfd } from '../contract/index.js';
import { runAll } from './throw-all.js';
import { BoundVector, type VectorContext } from './bound-vector.js';
import type { Vector, VectorOptions } from './vector.js';

/** Options of {@link Intx.request}. */
export interface IntxOptions extends VectorOptions {
  /**
   * Whether the library unmasks INTx after all listeners of an interrupt have returned. Default
   * true. A listener must make the device deassert the line before the listener returns. If the
   * line is still asserted, INTx is raised again at once.
   *
   * Set `autoUnmask` to false if the program deasserts the line later, for example after an `await`
   * or in a loop over `next()`. The program must then call `unmask()` itself.
   */
  autoUnmask?: boolean | undefined;
}

/**
 * The vector of INTx, the interrupt line of the device. At each interrupt the kernel masks INTx and
 * signals the eventfd once. INTx stays masked until the library or the program unmasks INTx.
 * Closing the vector disables INTx.
 */
export interface IntxVector extends Vector {
  /** Masks INTx (ACTION_MASK). */
  mask(): void;
  /** Unmasks INTx (ACTION_UNMASK). If the line is still asserted, INTx is raised at once. */
  unmask(): void;
  /**
   * Returns an eventfd. A signal of this eventfd unmasks INTx in the kernel. A consumer without
   * access to VFIO, such as a hypervisor's interrupt controller, can then unmask INTx. From this
   * call on, the library no longer unmasks INTx after a delivery.
   *
   * Every call returns the same eventfd. Closing the vector closes the eventfd.
   */
  resample(): Eventfd;
}

/** The INTx vector with its bound eventfd. */
export class BoundIntxVector extends BoundVector implements IntxVector {
  #autoUnmask: boolean;
  #resampler: Eventfd | null = null;

  constructor(context: VectorContext, options: IntxOptions) {
    super(context, 0, options);
    this.#autoUnmask = options.autoUnmask ?? true;
  }

  mask(): void {
    this.checkOpen();
    this.context.irq.mask();
  }

  unmask(): void {
    this.checkOpen();
    this.context.irq.unmask();
  }

  resample(): Eventfd {
    this.checkOpen();
    this.#resampler ??= this.#bindResampler();
    return this.#resampler;
  }

  override release(): void {
    super.release();
    this.#resampler?.close(this.context.handle.closingHint);
  }

  protected override deliver(count: bigint): void {
    const steps = [
      () => {
        super.deliver(count);
      },
      () => {
        if (this.#autoUnmask && !this.closed) this.unmask();
      },
    ];
    runAll(steps, 'a listener of INTx failed, and the unmask of INTx failed too');
  }

  #bindResampler(): Eventfd {
    const eventfd = this.context.handle.connection.createEventfd();
    try {
      this.context.irq.bindUnmask(eventfd);
    } catch (error) {
      eventfd.close();
      throw error;
    }
    this.#autoUnmask = false;
    return eventfd;
  }
}
