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
import type { HostInterrupts } from '../machine/interrupts.js';
import type { Message } from '../../../contract/message.js';
import type { MessageSource } from './message-source.js';

/** What a vector has once its handler is gone (msi_domain_deactivate()). */
const NO_MESSAGE: Message = { address: 0n, data: 0 };

/** Both kinds of messages; what differs in hardware is behind a {@link MessageSource}. */
export class MessageInterrupts {
  readonly #source: MessageSource;
  readonly #host: HostInterrupts;
  readonly #fixed: boolean;
  /** Handles of the host; those of vectors stay until the index is disabled. */
  readonly #handles = new Map<number, number>();
  /** What was last written for each vector. */
  readonly #messages = new Map<number, Message>();
  readonly #triggers = new Map<number, MockEventfd>();
  #active = false;
  #enabledWith = 1;

  /** @param fixed - whether a request is checked against the vectors that were enabled */
  constructor(source: MessageSource, host: HostInterrupts, fixed: boolean) {
    this.#source = source;
    this.#host = host;
    this.#fixed = fixed;
  }

  get active(): boolean {
    return this.#active;
  }

  /** Vectors that it was last enabled with; 1 before that. */
  get enabledWith(): number {
    return this.#enabledWith;
  }

  /** Whether the host has a handler for a vector. */
  serves(vector: number): boolean {
    return this.#triggers.has(vector);
  }

  /**
   * @param free - whether no other index is active
   * @returns 0, or how many vectors the host has where that is fewer than asked for
   */
  set(request: IrqRequest, free: boolean): number {
    const { type, start, count } = request;
    if (this.#active && count === 0 && type === VFIO_IRQ_SET_DATA_NONE) {
      this.disable();
      return 0;
    }
    if (!this.#active && !free) fail('EINVAL', SET_IRQS);
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) return this.#setEventfds(request);
    if (!this.#active) fail('EINVAL', SET_IRQS);
    if (this.#fixed && start + count > this.#enabledWith) fail('EINVAL', SET_IRQS);
    for (const vector of selectedVectors(request)) this.#triggers.get(vector)?.raise();
    return 0;
  }

  disable(): void {
    if (!this.#active) return;
    this.#active = false;
    // As pci_msix_shutdown(), whatever the user wrote through the mapping.
    for (const vector of this.#handles.keys()) this.#source.setMask(vector, true);
    this.#source.disable();
    for (const handle of this.#handles.values()) this.#host.free(handle);
    this.#handles.clear();
    this.#messages.clear();
    this.#triggers.clear();
  }

  /**
   * After a reset: the PCI core writes its messages again, and enables them, also where the user
   * had cleared the bit of MSI (pci_restore_msi_state()).
   */
  restore(): void {
    if (!this.#active) return;
    this.#source.resume(this.#enabledWith);
    for (const [vector, message] of this.#messages) {
      this.#source.program(vector, message);
      this.#source.setMask(vector, !this.#triggers.has(vector));
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

  /** @returns 0, or how many vectors there are instead; then nothing is enabled */
  #enable(vectors: number): number {
    if (vectors === 0) fail('ERANGE', SET_IRQS);
    if (!this.#source.powered) fail('EINVAL', SET_IRQS);
    const handles = this.#host.allocate(vectors, !this.#source.maskable);
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
    this.#triggers.set(vector, trigger);
    this.#source.setMask(vector, false);
  }

  #unbind(vector: number): void {
    const handle = this.#handles.get(vector);
    if (handle === undefined || !this.#triggers.delete(vector)) return;
    this.#source.setMask(vector, true);
    this.#host.disconnect(handle);
    this.#program(vector, NO_MESSAGE);
  }

  #grow(vector: number): number {
    if (!this.#source.growable) return fail('EINVAL', SET_IRQS);
    const [handle] = this.#host.allocate(1);
    if (handle === undefined) return fail('ENOSPC', SET_IRQS);
    this.#adopt(vector, handle);
    return handle;
  }

  #adopt(vector: number, handle: number): void {
    this.#handles.set(vector, handle);
    this.#program(vector, this.#host.message(handle));
  }

  /** A function that sleeps is not written to, and gets it when its state is restored. */
  #program(vector: number, message: Message): void {
    this.#messages.set(vector, message);
    if (this.#source.powered) this.#source.program(vector, message);
  }
}
