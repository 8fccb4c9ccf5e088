import type { DeviceConnection, Eventfd, EventSet } from '../../contract/index.js';
import { VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_MSIX_IRQ_INDEX } from '../../contract/uapi.js';
import { checkChoice, checkFunction, checkInteger, checkOptions } from '../../checks.js';
import { checkEventfd } from '../../contract/eventfd.js';
import { VfioError } from '../../errors.js';
import type { HostInterrupt, HostVectors } from '../ims/host-vector.js';
import type { Message } from '../../contract/message.js';
import { checkConnection } from './arguments.js';
import { MsiBlock } from './msi-block.js';
import { PhysicalSource } from './physical.js';

/** Options of {@link DeviceHostVectors}: the vectors to use, and how to read their messages. */
export interface DeviceHostVectorsOptions {
  /** Returns the current message of a vector, for example from the MSI-X table of the device. */
  readonly message: (vector: number) => Message;
  /**
   * Interrupt index of the vectors. Default: MSI-X. MSI is enabled in one block, from vector 0 to
   * the last vector to use.
   */
  readonly index?: 'msi' | 'msix' | undefined;
  /** First vector to use. Default: 0. */
  readonly first?: number | undefined;
  /** Number of vectors to use. Default: all vectors from `first` on. */
  readonly count?: number | undefined;
  /** Calls `callback` after each reset of the device. @returns a function that unsubscribes */
  readonly resets?: ((callback: () => void) => () => void) | undefined;
}

/**
 * Allocates host vectors for an interrupt message store from the MSI or MSI-X vectors of the same
 * device. If a slot of the store sends the message of a vector, the host receives an interrupt of
 * the vector.
 */
export class DeviceHostVectors implements HostVectors {
  readonly #connection: DeviceConnection;
  readonly #physical: PhysicalSource | MsiBlock;
  readonly #index: number;
  readonly #end: number;
  readonly #count: number;
  readonly #message: (vector: number) => Message;
  readonly #free: number[];
  readonly #resets: DeviceHostVectorsOptions['resets'];
  readonly #subscriptions: (() => void)[] = [];
  #enabled = false;

  constructor(connection: DeviceConnection, options: DeviceHostVectorsOptions) {
    checkConnection(connection);
    checkOptions(options, ['message', 'index', 'first', 'count', 'resets']);
    checkFunction(options.message, 'message');
    if (options.index !== undefined) checkChoice(options.index, 'index', ['msi', 'msix']);
    if (options.resets !== undefined) checkFunction(options.resets, 'resets');
    this.#connection = connection;
    const msi = options.index === 'msi';
    this.#index = msi ? VFIO_PCI_MSI_IRQ_INDEX : VFIO_PCI_MSIX_IRQ_INDEX;
    this.#physical = msi ? new MsiBlock(connection) : new PhysicalSource(connection);
    this.#message = options.message;
    this.#resets = options.resets;
    const { first = 0, count = this.#physical.count - first } = options;
    checkInteger(first, 'first', 0, this.#physical.count - 1);
    checkInteger(count, 'count', 1, this.#physical.count - first);
    this.#end = first + count;
    this.#count = count;
    this.#free = Array.from({ length: count }, (_, i) => first + count - 1 - i);
  }

  /** {@inheritDoc HostVectors.allocate} */
  allocate(target: Eventfd): HostInterrupt {
    checkEventfd(target, 'target');
    const physical = this.#physical;
    const vector = this.#free.at(-1);
    if (vector === undefined) {
      throw new VfioError({
        code: 'ENOSPC',
        message: `all ${this.#count} vectors of the interrupt message store are in use`,
        path: this.#connection.name,
      });
    }
    if (!this.#enabled) physical.allocate(physical.growable ? 1 : this.#end);
    this.#enabled = true;
    physical.request(vector, target);
    this.#free.pop();
    const message = this.#message;
    const connection = this.#connection;
    const index = this.#index;
    return {
      get message() {
        return message(vector);
      },
      bind: (next) => {
        checkEventfd(next, 'target');
        physical.request(vector, next);
      },
      synchronize: () => {
        connection.synchronizeIrqs(index, [vector]);
      },
      getAffinity: () => connection.getAffinity(index, vector),
      setAffinity: (cpus) => {
        connection.setAffinity(index, vector, cpus);
      },
      close: () => {
        physical.release(vector);
        this.#free.push(vector);
      },
    };
  }

  /** {@inheritDoc EventfdFactory.createEventfd} */
  createEventfd(): Eventfd {
    return this.#connection.createEventfd();
  }

  /** {@inheritDoc EventfdFactory.createEventSet} */
  createEventSet(capacity: number): EventSet {
    return this.#connection.createEventSet(capacity);
  }

  /** {@inheritDoc HostVectors.onReset} */
  onReset(callback: () => void): void {
    checkFunction(callback, 'callback');
    if (this.#resets !== undefined) this.#subscriptions.push(this.#resets(callback));
  }

  /** Disables the vectors of the device. Idempotent. */
  close(): void {
    for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe();
    this.#physical.close();
    this.#enabled = false;
  }
}
