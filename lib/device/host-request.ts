import type { BoundVector } from './bound-vector.js';
import { type SingleIrq, SingleIrqIndex } from './single-irq.js';
import type { Vector, VectorOptions } from './vector.js';

/**
 * REQ: the host wants the device back, since it is to be unbound or unplugged. It asks at once and
 * then every 10 s, and waits without end for the device to be closed: whoever started that hangs.
 *
 * As with signals there is a default: a device that was opened by `openDevice` closes itself, and
 * says so by a process warning of the code `VFIO_HOST_REQUEST`. Who requests the vector takes that
 * over, to finish first and then to close the device; closing the vector brings the default back.
 * Either needs an event loop that turns, or a poller that waits.
 *
 * @example
 * device.interrupts.req.request().unref().once('interrupt', () => {
 *   flushQueues();
 *   device.close();
 * });
 */
export interface HostRequest extends SingleIrq {
  /**
   * Binds a new eventfd (SET_IRQS with DATA_EVENTFD). Until the vector is closed, the device does not
   * close itself.
   *
   * @throws {@link VfioError} ENXIO if the device has no REQ; EBUSY if it is in use already
   */
  request(options?: VectorOptions): Vector;
}

/** REQ with the default that closes the device. */
export class HostRequestIndex extends SingleIrqIndex implements HostRequest {
  #closeDevice: (() => void) | undefined;
  #default: BoundVector | undefined;

  /** Turns the default on. */
  answerBy(closeDevice: () => void): void {
    if (this.count === 0) return;
    this.#closeDevice = closeDevice;
    this.#watch(closeDevice);
  }

  override request(options: VectorOptions = {}): Vector {
    // The kernel replaces the eventfd in one step: a request goes to the one or the other.
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
    else this.#watch(this.#closeDevice);
  }

  #watch(closeDevice: () => void): void {
    this.#default = this.bind({});
    this.#default.unref().on('interrupt', closeDevice);
  }

  #releaseDefault(): void {
    this.#default?.release();
    this.#default = undefined;
  }
}
