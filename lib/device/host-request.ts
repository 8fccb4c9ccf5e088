import { SingleIrq } from './single-irq.js';
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
export class HostRequest extends SingleIrq {
  #giveBack: (() => void) | undefined;
  #default: Vector | undefined;

  /**
   * Turns the default on.
   * @param giveBack - closes the device
   * @internal
   */
  answerBy(giveBack: () => void): void {
    if (this.count === 0) return;
    this.#giveBack = giveBack;
    this.#watch(giveBack);
  }

  /** {@inheritDoc SingleIrq.request} */
  override request(options: VectorOptions = {}): Vector {
    // The kernel replaces the eventfd in one step: a request goes to the one or the other.
    const vector = super.request(options);
    this.#default?.release();
    this.#default = undefined;
    return vector;
  }

  /** @internal */
  override close(): void {
    this.#giveBack = undefined;
    super.close();
    this.#default?.release();
    this.#default = undefined;
  }

  /** @internal */
  protected override unbind(): void {
    if (this.#giveBack === undefined) super.unbind();
    else this.#watch(this.#giveBack);
  }

  #watch(giveBack: () => void): void {
    this.#default = this.bind({});
    this.#default.unref().on('interrupt', giveBack);
  }
}
