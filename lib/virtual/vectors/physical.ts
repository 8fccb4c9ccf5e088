import type { DeviceConnection, Eventfd } from '../../contract/index.js';
import { SET_IRQS } from '../../contract/irq-request.js';
import {
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import type { Account, VectorCharge } from '../ims/budget.js';
import { DeviceMsix } from './device-msix.js';
import { HeldEventfds } from './held.js';
import type { VectorSink, VectorSource } from './source.js';

/** Whom the host vectors of a {@link PhysicalSource} count for. */
export interface PhysicalOptions {
  /** Whose quota and which CPUs the host vectors are charged to. */
  account?: Account | undefined;
  /** CPUs to choose from, where the budget counts by CPU. */
  cpus?: readonly number[] | undefined;
}

/**
 * The MSI-X vectors of an open device. An unmasked vector is bound straight to its consumer's
 * eventfd: the kernel signals it, and no JavaScript runs. A masked one is bound to an eventfd of
 * ours, which feeds the table's pending bits.
 *
 * Moving a vector from one eventfd to the other loses nothing. The device's entry is masked, what
 * is on its way arrives, and SET_IRQS waits for a running handler before it lets the old eventfd go
 * and unmasks the entry for the new one: each interrupt is in the old eventfd, or pending in the
 * device and then in the new one. What lies in ours is read after it was replaced, when nothing can
 * come to it any more.
 *
 * It uses MSI-X of the device alone: do not use `device.interrupts` beside it, and close it before
 * the device.
 *
 * @example
 * const physical = new PhysicalSource(device.connection);
 * msix.attach(physical);
 */
export class PhysicalSource implements VectorSource {
  readonly name = 'physical';
  readonly count: number;
  readonly growable: boolean;
  readonly #connection: DeviceConnection;
  readonly #options: PhysicalOptions;
  readonly #msix: DeviceMsix;
  readonly #held: HeldEventfds;
  /** Vectors that an eventfd is bound to, and what they cost. */
  readonly #bound = new Map<number, VectorCharge | null>();
  #sink: VectorSink | null = null;
  #active = false;

  /** @throws {@link VfioError} ENOTSUP if the device has no MSI-X */
  constructor(connection: DeviceConnection, options: PhysicalOptions = {}) {
    const { count, flags } = connection.getIrqInfo(VFIO_PCI_MSIX_IRQ_INDEX);
    if (count === 0) {
      throw new VfioError({
        code: 'ENOTSUP',
        message: 'the device has no MSI-X',
        path: connection.name,
      });
    }
    this.count = count;
    this.growable = (flags & VFIO_IRQ_INFO_NORESIZE) === 0;
    this.#connection = connection;
    this.#options = options;
    this.#msix = new DeviceMsix(connection);
    this.#held = new HeldEventfds(connection, count, (vector) => this.#sink?.fire(vector));
  }

  /** {@inheritDoc VectorSource.connect} */
  connect(sink: VectorSink): void {
    if (this.#sink !== null) {
      throw new VfioError({ code: 'EBUSY', message: 'the source serves a table already' });
    }
    this.#sink = sink;
  }

  /** {@inheritDoc VectorSource.allocate} */
  allocate(count: number, targets: readonly (Eventfd | null | undefined)[] = []): void {
    const eventfds: (Eventfd | null)[] = [];
    const charges = new Map<number, VectorCharge | null>();
    try {
      for (let vector = 0; vector < count; vector++) {
        const target = targets[vector];
        eventfds.push(target === null ? this.#held.get(vector) : (target ?? null));
        if (target !== undefined) charges.set(vector, this.#charge());
      }
      this.#setIrqs(0, eventfds);
    } catch (error) {
      for (const charge of charges.values()) charge?.giveBack();
      throw error;
    }
    this.#active = true;
    try {
      for (const [vector, charge] of charges) this.#adopt(vector, charge);
    } catch (error) {
      this.disable();
      throw error;
    }
  }

  /** {@inheritDoc VectorSource.request} */
  request(vector: number, target: Eventfd | null): void {
    const bound = this.#bound.has(vector);
    const charge = bound ? null : this.#charge();
    try {
      if (bound) this.#msix.quiesce([vector]);
      this.#setIrqs(vector, [target ?? this.#held.get(vector)]);
    } catch (error) {
      charge?.giveBack();
      // A failed SET_IRQS leaves the vector without its old eventfd, too.
      this.#forget(vector);
      this.#held.drain(vector);
      throw error;
    }
    this.#active = true;
    if (!bound) this.#adopt(vector, charge);
    this.#held.drain(vector);
  }

  /** {@inheritDoc VectorSource.hold} */
  hold(vector: number): void {
    let eventfd: Eventfd;
    try {
      eventfd = this.#held.get(vector);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      // No file descriptor left: without a handler the kernel masks the device's entry instead,
      // and the device keeps what fires.
      this.release(vector);
      return;
    }
    this.request(vector, eventfd);
  }

  /** {@inheritDoc VectorSource.release} */
  release(vector: number): void {
    if (!this.#bound.has(vector)) return;
    this.#msix.quiesce([vector]);
    this.#setIrqs(vector, [null]);
    this.#forget(vector);
    this.#held.drain(vector);
  }

  /** @throws {@link VfioError} EINVAL: a physical MSI-X vector is isolated by its device alone */
  setCookie(vector: number): void {
    throw new VfioError({
      code: 'EINVAL',
      message: `vector ${vector} is physical MSI-X and has no cookie`,
      path: this.#connection.name,
    });
  }

  /** {@inheritDoc VectorSource.settle} */
  settle(): void {
    if (this.#bound.size > 0) this.#msix.quiesce([...this.#bound.keys()]);
  }

  /** {@inheritDoc VectorSource.disable} */
  disable(): void {
    if (!this.#active) return;
    this.#active = false;
    try {
      this.#connection.setIrqs({
        index: VFIO_PCI_MSIX_IRQ_INDEX,
        flags: VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
        start: 0,
        count: 0,
      });
    } finally {
      for (const charge of this.#bound.values()) charge?.giveBack();
      this.#bound.clear();
      this.#held.clear();
    }
  }

  /** {@inheritDoc VectorSource.poll} */
  poll(vector: number): boolean {
    this.#held.drain(vector);
    return this.#active && !this.#bound.has(vector) && this.#msix.isPending(vector);
  }

  /** As {@link disable}, whatever the kernel says. Idempotent. */
  close(): void {
    try {
      this.disable();
    } catch {
      // The kernel disables it with the device.
    }
    this.#msix.close();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #setIrqs(start: number, eventfds: readonly (Eventfd | null)[]): void {
    const available = this.#connection.setIrqs({
      index: VFIO_PCI_MSIX_IRQ_INDEX,
      flags: VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
      start,
      count: eventfds.length,
      eventfds,
    });
    if (available === 0) return;
    throw new VfioError({
      code: 'ENOSPC',
      message: `the host has ${available} of ${start + eventfds.length} MSI-X vectors`,
      syscall: SET_IRQS,
      path: this.#connection.name,
      available,
    });
  }

  #charge(): VectorCharge | null {
    const { account, cpus } = this.#options;
    return account?.takeVector(cpus) ?? null;
  }

  /** The host has a vector for it now, on the CPU that was charged. */
  #adopt(vector: number, charge: VectorCharge | null): void {
    this.#bound.set(vector, charge);
    const cpu = charge?.cpu ?? null;
    if (cpu === null) return;
    try {
      this.#connection.setAffinity(VFIO_PCI_MSIX_IRQ_INDEX, vector, [cpu]);
    } catch (error) {
      this.release(vector);
      throw error;
    }
  }

  #forget(vector: number): void {
    this.#bound.get(vector)?.giveBack();
    this.#bound.delete(vector);
  }
}
