import type { Eventfd } from '../contract/index.js';
import { runAll } from './throw-all.js';
import { BoundVector, type VectorContext } from './bound-vector.js';
import type { Vector, VectorOptions } from './vector.js';

/** How the INTx interrupt is delivered. */
export interface IntxOptions extends VectorOptions {
  /**
   * Unmasks after the listeners of a delivery have returned. Default true. A listener has to quiet
   * the device before it returns, or the line interrupts at once again; who does that later (after
   * an `await`, or in a loop over `next()`) turns this off and calls `unmask()`.
   */
  autoUnmask?: boolean | undefined;
}

/**
 * The interrupt line. The kernel masks it when it interrupts and signals once; it comes again only
 * after it was unmasked. Closing the vector disables INTx.
 */
export interface IntxVector extends Vector {
  /** Holds the interrupt back (ACTION_MASK). */
  mask(): void;
  /** Lets it come again (ACTION_UNMASK); at once if the line is still asserted. */
  unmask(): void;
  /**
   * An eventfd whose signal unmasks, without a call into here: for a consumer that knows nothing
   * of VFIO, such as a virtual machine's interrupt controller. From then on nothing is unmasked
   * after a delivery. It belongs to the vector, which closes it; a second call gives the same.
   */
  resample(): Eventfd;
}

/** The vector of INTx, bound in the kernel. */
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
    runAll(steps, 'a listener of INTx failed, and so did unmasking it');
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
