import {
  bindBlock,
  type IrqEventfd,
  type IrqRequest,
  selectedVectors,
  SET_IRQS,
} from '../../../contract/irq-request.js';
import { VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_DATA_NONE } from '../../../contract/uapi.js';
import { fail } from '../machine/errno.js';
import { eventfdArgument, type MockEventfd } from '../machine/eventfd.js';
import type { HostInterrupts, Sender } from '../machine/interrupts.js';
import type { Message } from '../../../contract/message.js';
import type { MessageSource } from './message-source.js';

/**
 * The host writes this message to a vector when the handler of the vector is freed
 * (msi_domain_deactivate()).
 */
const NO_MESSAGE: Message = { address: 0n, data: 0 };

/**
 * Implements SET_IRQS for MSI, MSI-X and private interrupt sources. A {@link MessageSource} hides
 * the differences between these three kinds.
 */
export class MessageInterrupts {
  readonly #source: MessageSource;
  readonly #host: HostInterrupts;
  readonly #sender: Sender;
  readonly #fixed: boolean;
  /** Host interrupt handles by vector. A handle stays allocated until the index is disabled. */
  readonly #handles = new Map<number, number>();
  /** Last written message of each vector. */
  readonly #messages = new Map<number, Message>();
  /** The bound eventfds by vector. */
  readonly #triggers: (MockEventfd | undefined)[] = [];
  #active = false;
  #enabledWith = 1;

  /**
   * @param sender - the device that sends the messages
   * @param fixed - whether the kernel refuses to add vectors while the index is enabled
   */
  constructor(source: MessageSource, host: HostInterrupts, sender: Sender, fixed: boolean) {
    this.#source = source;
    this.#host = host;
    this.#sender = sender;
    this.#fixed = fixed;
  }

  get active(): boolean {
    return this.#active;
  }

  /**
   * Number of vectors of the last SET_IRQS that enabled the index. 1 if the index was never
   * enabled.
   */
  get enabledWith(): number {
    return this.#enabledWith;
  }

  /** Whether the host has a handler for a vector. */
  serves(vector: number): boolean {
    return this.#triggers[vector] !== undefined;
  }

  /**
   * Performs SET_IRQS.
   *
   * @param available - true if no other interrupt index is active
   * @returns 0, or the number of available vectors if the host has fewer vectors than requested
   */
  set(request: IrqRequest, available: boolean): number {
    const { type, start, count } = request;
    if (this.#active && count === 0 && type === VFIO_IRQ_SET_DATA_NONE) {
      this.disable();
      return 0;
    }
    if (!this.#active && !available) fail('EINVAL', SET_IRQS);
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) return this.#setEventfds(request);
    if (!this.#active) fail('EINVAL', SET_IRQS);
    if (this.#fixed && start + count > this.#enabledWith) fail('EINVAL', SET_IRQS);
    for (const vector of selectedVectors(request)) this.#triggers[vector]?.raise();
    return 0;
  }

  disable(): void {
    if (!this.#active) return;
    this.#active = false;
    // pci_msix_shutdown() masks every vector, even if the user has unmasked the vector through a
    // mapped BAR.
    for (const vector of this.#handles.keys()) this.#source.setMask(vector, true);
    this.#source.disable();
    for (const handle of this.#handles.values()) this.#host.free(handle);
    this.#handles.clear();
    this.#messages.clear();
    this.#triggers.length = 0;
  }

  /**
   * Restores the messages after a reset, as pci_restore_msi_state() does. The PCI core enables
   * messages again, even if the user has cleared the enable bit.
   */
  restore(): void {
    if (!this.#active) return;
    this.#source.resume(this.#enabledWith);
    for (const [vector, message] of this.#messages) {
      this.#source.program(vector, message);
      this.#source.setMask(vector, !this.serves(vector));
    }
  }

  #setEventfds(request: IrqRequest): number {
    if (this.#active) {
      this.#setBlock(request);
      return 0;
    }
    const granted = this.#enable(request.start + request.count);
    if (granted > 0) return granted;
    try {
      this.#setBlock(request);
    } catch (error) {
      this.disable();
      throw error;
    }
    return 0;
  }

  /**
   * @returns 0 if `vectors` vectors are enabled. If the host has fewer vectors, enables no vector
   *   and returns the number of available vectors.
   */
  #enable(vectors: number): number {
    const { powered, countFirst } = this.#source;
    if (!powered && (vectors > 0 || !countFirst)) fail('EINVAL', SET_IRQS);
    if (vectors === 0) fail('ERANGE', SET_IRQS);
    const handles = this.#host.allocate(vectors, this.#sender, !this.#source.maskable);
    if (handles.length === 0) fail('ENOSPC', SET_IRQS);
    if (handles.length < vectors) {
      for (const handle of handles) this.#host.free(handle);
      return handles.length;
    }
    for (const [vector, handle] of handles.entries()) this.#adopt(vector, handle);
    this.#active = true;
    this.#enabledWith = vectors;
    this.#source.enable(vectors);
    return 0;
  }

  #setBlock(request: IrqRequest): void {
    const { start, count } = request;
    const beyond = start >= this.#enabledWith || start + count > this.#enabledWith;
    if (this.#fixed && beyond) fail('EINVAL', SET_IRQS);
    bindBlock(
      request,
      (vector, eventfd) => {
        this.#setVector(vector, eventfd);
      },
      (vector) => {
        this.#unbind(vector);
      },
    );
  }

  #setVector(vector: number, eventfd: IrqEventfd): void {
    this.#unbind(vector);
    if (eventfd === null || (typeof eventfd === 'number' && eventfd < 0)) return;
    const handle = this.#handles.get(vector) ?? this.#grow(vector);
    const trigger = eventfdArgument(eventfd, SET_IRQS);
    if (trigger === null) return;
    const raise = () => {
      trigger.raise();
    };
    this.#host.connect(handle, raise, SET_IRQS);
    this.#program(vector, this.#host.message(handle));
    this.#triggers[vector] = trigger;
    this.#source.setMask(vector, false);
  }

  #unbind(vector: number): void {
    const handle = this.#handles.get(vector);
    if (handle === undefined || !this.serves(vector)) return;
    this.#triggers[vector] = undefined;
    this.#source.setMask(vector, true);
    this.#host.disconnect(handle);
    this.#program(vector, NO_MESSAGE);
  }

  #grow(vector: number): number {
    if (!this.#source.growable) return fail('EINVAL', SET_IRQS);
    const [handle] = this.#host.allocate(1, this.#sender);
    if (handle === undefined) return fail('ENOSPC', SET_IRQS);
    this.#adopt(vector, handle);
    return handle;
  }

  #adopt(vector: number, handle: number): void {
    this.#handles.set(vector, handle);
    this.#program(vector, this.#host.message(handle));
  }

  /** Writes a message. If the function is not in D0, {@link restore} writes the message later. */
  #program(vector: number, message: Message): void {
    this.#messages.set(vector, message);
    if (this.#source.powered) this.#source.program(vector, message);
  }
}
