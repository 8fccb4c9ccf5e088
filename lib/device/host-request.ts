import type { BoundVector } from './bound-vector.js';
import { type SingleIrq, SingleIrqIndex } from './single-irq.js';
import type { Vector, VectorOptions } from './vector.js';

/**
 * REQ: the interrupt by which the host requests the device back before an unbind or unplug. The
 * kernel signals REQ at once and then every 10 s, until the program closes the device. The unbind
 * or unplug hangs on the host until the device is closed.
 *
 * By default, a device of `openDevice` closes itself on REQ and emits the process warning
 * `VFIO_HOST_REQUEST`. If the program requests the REQ vector, the device no longer closes itself.
 * A listener of the vector can finish the work of the program and then close the device. Closing
 * the vector restores the default.
 *
 * REQ is delivered only while the event loop runs or a poller waits.
 *
 * @example
 * device.interrupts.req.request().unref().once('interrupt', () => {
 *   flushQueues();
 *   device.close();
 * });
 */
export interface HostRequest extends SingleIrq {
  /**
   * Binds a new eventfd to REQ (SET_IRQS with DATA_EVENTFD). Until the vector is closed, the device
   * does not close itself.
   *
   * @throws {@link VfioError} ENXIO if the device has no REQ; EBUSY if REQ is already in use
   */
  request(options?: VectorOptions): Vector;
}

/** The REQ index with the default vector, which closes the device. */
export class HostRequestIndex extends SingleIrqIndex implements HostRequest {
  #closeDevice: (() => void) | undefined;
  #default: BoundVector | undefined;

  /**
   * Enables the default.
   * @param closeDevice - called on REQ if the program has no REQ vector
   */
  enableDefault(closeDevice: () => void): void {
    if (this.count === 0) return;
    this.#closeDevice = closeDevice;
    this.#bindDefault(closeDevice);
  }

  override request(options: VectorOptions = {}): Vector {
    // The kernel replaces the eventfd in one step, so that no request of the host is lost.
    const vector = super.request(options);
    this.#releaseDefault();
    return vector;
  }

  protected override close(): void {
    this.#closeDevice = undefined;
    this.#releaseDefault();
    super.close();
  }

  protected override unbind(): void {
    if (this.#closeDevice === undefined) super.unbind();
    else this.#bindDefault(this.#closeDevice);
  }

  #bindDefault(closeDevice: () => void): void {
    this.#default = this.bind({});
    this.#default.unref().on('interrupt', closeDevice);
  }

  #releaseDefault(): void {
    this.#default?.release();
    this.#default = undefined;
  }
}
