import type { DeviceConnection, Eventfd } from '../../contract/index.js';
import { IrqOwnership } from '../../contract/irq-ownership.js';
import { SET_IRQS } from '../../contract/irq-request.js';
import {
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import { checkInstance, checkInteger, checkOptions } from '../../checks.js';
import { checkCpus } from '../../contract/call-arguments.js';
import { checkEventfd } from '../../contract/eventfd.js';
import { Account, type VectorCharge } from '../ims/budget.js';
import { checkAllocation, checkConnection, checkSink } from './arguments.js';
import { DeviceMsix } from './device-msix.js';
import { WatchedEventfds } from './watched-eventfds.js';
import type { VectorSink, VectorSource } from './source.js';

/** Options of {@link PhysicalSource}. */
export interface PhysicalOptions {
  /** The account to charge for the host vectors. Default: none. */
  account?: Account | undefined;
  /**
   * The CPUs that can serve the vectors, if the budget limits vectors per CPU. Default: all CPUs of
   * the budget.
   */
  cpus?: readonly number[] | undefined;
}

/**
 * The MSI-X vectors of an open device. An unmasked vector is bound directly to its consumer's
 * eventfd: the kernel signals the eventfd, and no JavaScript runs. A masked vector is bound to an
 * eventfd of this source. The source reads this eventfd and sets the pending bits of the table.
 *
 * Moving a vector between the two eventfds loses no interrupt. First the source masks the entry in
 * the device, and waits for the interrupts that are under way to a CPU. Then SET_IRQS waits for a
 * running handler, replaces the eventfd, and unmasks the entry. Each interrupt therefore either
 * signals the old eventfd, or stays pending in the device and signals the new eventfd. After a
 * move, the source reads its own eventfd once more, so that no earlier signal is lost.
 *
 * While the source has vectors, the source owns MSI-X of the device, and `device.interrupts` refuses
 * to enable INTx, MSI or MSI-X with EBUSY. While one of these three is enabled by
 * `device.interrupts`, the source itself fails with EBUSY. Close the source before the device.
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
  readonly #ownership: IrqOwnership;
  readonly #msix: DeviceMsix;
  readonly #eventfds: WatchedEventfds;
  /** The charge of each vector that is bound to an eventfd. */
  readonly #bound = new Map<number, VectorCharge | null>();
  #sink: VectorSink | null = null;

  /** @throws {@link VfioError} ENOTSUP if the device has no MSI-X */
  constructor(connection: DeviceConnection, options: PhysicalOptions = {}) {
    checkConnection(connection);
    checkOptions(options, ['account', 'cpus']);
    if (options.account !== undefined) checkInstance(options.account, 'account', Account);
    if (options.cpus !== undefined) checkCpus(options.cpus);
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
    this.#ownership = new IrqOwnership(connection, VFIO_PCI_MSIX_IRQ_INDEX, {
      name: 'a PhysicalSource',
      release: 'Close the PhysicalSource, or let the guest disable MSI-X, first.',
    });
    this.#msix = new DeviceMsix(connection);
    this.#eventfds = new WatchedEventfds(connection, count, (vector) => this.#sink?.fire(vector));
  }

  /** {@inheritDoc VectorSource.connect} */
  connect(sink: VectorSink): void {
    checkSink(sink, this.#sink);
    this.#sink = sink;
  }

  /** {@inheritDoc VectorSource.allocate} */
  allocate(count: number, targets: readonly (Eventfd | null | undefined)[] = []): void {
    checkAllocation(count, targets, this.count);
    const eventfds: (Eventfd | null)[] = [];
    const charges = new Map<number, VectorCharge | null>();
    try {
      for (let vector = 0; vector < count; vector++) {
        const target = targets[vector];
        eventfds.push(target === null ? this.#eventfds.get(vector) : (target ?? null));
        if (target !== undefined) charges.set(vector, this.#charge());
      }
      this.#setIrqs(0, eventfds);
    } catch (error) {
      for (const charge of charges.values()) charge?.refund();
      throw error;
    }
    try {
      for (const [vector, charge] of charges) this.#adopt(vector, charge);
    } catch (error) {
      this.disable();
      throw error;
    }
  }

  /** {@inheritDoc VectorSource.request} */
  request(vector: number, target: Eventfd | null): void {
    checkInteger(vector, 'vector', 0, this.count - 1);
    if (target !== null) checkEventfd(target, 'target');
    const bound = this.#bound.has(vector);
    const charge = bound ? null : this.#charge();
    try {
      if (bound) this.#msix.quiesce([vector]);
      this.#setIrqs(vector, [target ?? this.#eventfds.get(vector)]);
    } catch (error) {
      charge?.refund();
      // If SET_IRQS fails, the old eventfd is no longer bound.
      this.#forget(vector);
      this.#eventfds.drain(vector);
      throw error;
    }
    if (!bound) this.#adopt(vector, charge);
    this.#eventfds.drain(vector);
  }

  /** {@inheritDoc VectorSource.hold} */
  hold(vector: number): void {
    checkInteger(vector, 'vector', 0, this.count - 1);
    let eventfd: Eventfd;
    try {
      eventfd = this.#eventfds.get(vector);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      // The process has no file descriptor left. If an MSI-X entry has no interrupt handler, the
      // kernel masks the entry, and the device holds the interrupt.
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
    this.#eventfds.drain(vector);
  }

  /**
   * Always fails: physical MSI-X vectors have no cookie.
   * @throws {@link VfioError} EINVAL
   */
  setCookie(vector: number): void {
    checkInteger(vector, 'vector', 0, this.count - 1);
    throw new VfioError({
      code: 'EINVAL',
      message: `vector ${vector} is a physical MSI-X vector and has no cookie`,
      path: this.#connection.name,
    });
  }

  /** {@inheritDoc VectorSource.quiesce} */
  quiesce(): void {
    if (this.#bound.size > 0) this.#msix.quiesce([...this.#bound.keys()]);
  }

  /** {@inheritDoc VectorSource.disable} */
  disable(): void {
    if (!this.#ownership.held) return;
    try {
      this.#connection.setIrqs({
        index: VFIO_PCI_MSIX_IRQ_INDEX,
        flags: VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
        start: 0,
        count: 0,
      });
    } finally {
      this.#ownership.release();
      for (const charge of this.#bound.values()) charge?.refund();
      this.#bound.clear();
      this.#eventfds.clear();
    }
  }

  /** {@inheritDoc VectorSource.poll} */
  poll(vector: number): boolean {
    checkInteger(vector, 'vector', 0, this.count - 1);
    this.#eventfds.drain(vector);
    return this.#ownership.held && !this.#bound.has(vector) && this.#msix.isPending(vector);
  }

  /** Disables MSI-X, and ignores an error of the kernel. Idempotent. */
  close(): void {
    try {
      this.disable();
    } catch {
      // The kernel disables MSI-X when it closes the device.
    }
    this.#msix.close();
  }

  /** Calls {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #setIrqs(start: number, eventfds: readonly (Eventfd | null)[]): void {
    this.#ownership.acquire(() => {
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
        message: `the host can allocate ${available} of ${start + eventfds.length} MSI-X vectors`,
        syscall: SET_IRQS,
        path: this.#connection.name,
        available,
      });
    });
  }

  #charge(): VectorCharge | null {
    const { account, cpus } = this.#options;
    return account?.chargeVector(cpus) ?? null;
  }

  /** Records the charge of a bound vector, and moves the vector to the CPU of the charge. */
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
    this.#bound.get(vector)?.refund();
    this.#bound.delete(vector);
  }
}
