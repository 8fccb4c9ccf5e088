import type { Eventfd, IrqInfo } from '../contract/index.js';
import {
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import type { Handle } from './handle.js';

export type IrqName = 'intx' | 'msi' | 'msix' | 'err' | 'req' | `deviceSpecific[${number}]`;

/**
 * The operations on one interrupt index of a device. Most operations are one call of
 * VFIO_DEVICE_SET_IRQS.
 */
export class Irq {
  readonly name: IrqName;
  readonly index: number;
  readonly #handle: Handle;
  #info: IrqInfo | undefined;

  constructor(handle: Handle, name: IrqName, index: number) {
    this.#handle = handle;
    this.name = name;
    this.index = index;
  }

  /**
   * Count and flags of the index. The library reads these values only once, because they never
   * change.
   */
  get info(): IrqInfo {
    const { connection } = this.#handle;
    return (this.#info ??= this.#queryInfo(() => connection.getIrqInfo(this.index)));
  }

  get count(): number {
    return this.info.count;
  }

  /**
   * Binds one eventfd to each vector from `start` on. A null element leaves its vector unbound. The first
   * call enables the index.
   * @returns 0, or the number of available vectors if the host has too few vectors
   */
  bind(start: number, eventfds: readonly (Eventfd | null)[]): number {
    return this.#handle.connection.setIrqs({
      index: this.index,
      flags: VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
      start,
      count: eventfds.length,
      eventfds,
    });
  }

  /**
   * Binds an eventfd to one vector; null unbinds the vector.
   * @throws {@link VfioError} ENOSPC if the host has too few vectors
   */
  bindVector(vector: number, eventfd: Eventfd | null): void {
    const available = this.bind(vector, [eventfd]);
    if (available > 0) throw this.shortageError(1, available);
  }

  /** Disables the index: the kernel unbinds every eventfd and frees every vector. */
  disable(): void {
    this.#sendAction(VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);
  }

  /** Signals the vector's eventfd in place of the device (loopback). */
  trigger(vector: number): void {
    this.#sendAction(VFIO_IRQ_SET_ACTION_TRIGGER, vector, 1);
  }

  mask(): void {
    this.#sendAction(VFIO_IRQ_SET_ACTION_MASK, 0, 1);
  }

  unmask(): void {
    this.#sendAction(VFIO_IRQ_SET_ACTION_UNMASK, 0, 1);
  }

  /** Lets the kernel unmask INTx each time the eventfd is signalled. */
  bindUnmask(eventfd: Eventfd): void {
    this.#handle.connection.setIrqs({
      index: this.index,
      flags: VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
      start: 0,
      count: 1,
      eventfds: [eventfd],
    });
  }

  getAffinity(vector: number): number[] {
    return this.#handle.connection.getAffinity(this.index, vector);
  }

  setAffinity(vector: number, cpus: readonly number[]): void {
    this.#handle.connection.setAffinity(this.index, vector, cpus);
  }

  /** Creates the error for a positive result of SET_IRQS: the host has too few vectors. */
  shortageError(wanted: number, available: number): VfioError {
    return new VfioError({
      code: 'ENOSPC',
      message: `the host has only ${available} of ${wanted} ${this.name} vectors`,
      syscall: 'VFIO_DEVICE_SET_IRQS',
      path: this.#handle.name,
      hint: `Announce at most ${available}: interrupts.${this.name}.enable({ vectors: ${available} }). MSI with several vectors needs interrupt remapping.`,
      available,
    });
  }

  error(code: string, message: string, hint?: string): VfioError {
    return new VfioError({ code, message, path: this.#handle.name, hint });
  }

  #sendAction(action: number, start: number, count: number): void {
    this.#handle.connection.setIrqs({
      index: this.index,
      flags: VFIO_IRQ_SET_DATA_NONE | action,
      start,
      count,
    });
  }

  /**
   * Reads an index. If the kernel returns EINVAL, the count is 0: a device without PCI Express has
   * no ERR.
   */
  #queryInfo(info: () => IrqInfo): IrqInfo {
    try {
      return info();
    } catch (error) {
      if (!(error instanceof VfioError && error.code === 'EINVAL')) throw error;
      return { index: this.index, flags: 0, count: 0 };
    }
  }
}
