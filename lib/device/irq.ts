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

/** The requests that one interrupt index of a device takes: VFIO_DEVICE_SET_IRQS by intent. */
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

  /** Asked for once: the kernel decides it when the device is opened. */
  get info(): IrqInfo {
    const { connection } = this.#handle;
    return (this.#info ??= this.#ask(() => connection.getIrqInfo(this.index)));
  }

  get count(): number {
    return this.info.count;
  }

  /**
   * Binds one eventfd a vector, or none by null; the first call enables the index.
   * @returns 0, or how many vectors the host has where these are fewer: then nothing is enabled
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

  /** As {@link bind} where the host has to have what was asked for. */
  bindOne(vector: number, eventfd: Eventfd | null): void {
    const available = this.bind(vector, [eventfd]);
    if (available > 0) throw this.shortage(1, available);
  }

  /** The whole index: every eventfd is dropped, every vector freed. */
  disable(): void {
    this.#plain(VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);
  }

  /** Loopback: signals the vector's eventfd as if the device had. */
  trigger(vector: number): void {
    this.#plain(VFIO_IRQ_SET_ACTION_TRIGGER, vector, 1);
  }

  mask(): void {
    this.#plain(VFIO_IRQ_SET_ACTION_MASK, 0, 1);
  }

  unmask(): void {
    this.#plain(VFIO_IRQ_SET_ACTION_UNMASK, 0, 1);
  }

  /** Has the kernel unmask whenever the eventfd is signalled. */
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

  /** What a positive answer of SET_IRQS means. */
  shortage(wanted: number, available: number): VfioError {
    return new VfioError({
      code: 'ENOSPC',
      message: `the host has ${available} of ${wanted} ${this.name} vectors`,
      syscall: 'VFIO_DEVICE_SET_IRQS',
      path: this.#handle.name,
      hint: `Announce at most ${available}: interrupts.${this.name}.enable({ vectors: ${available} }). MSI with several vectors needs interrupt remapping.`,
      available,
    });
  }

  error(code: string, message: string, hint?: string): VfioError {
    return new VfioError({ code, message, path: this.#handle.name, hint });
  }

  #plain(action: number, start: number, count: number): void {
    this.#handle.connection.setIrqs({
      index: this.index,
      flags: VFIO_IRQ_SET_DATA_NONE | action,
      start,
      count,
    });
  }

  /** A device that is not PCI Express has no ERR, which the kernel says by EINVAL. */
  #ask(info: () => IrqInfo): IrqInfo {
    try {
      return info();
    } catch (error) {
      if (!(error instanceof VfioError && error.code === 'EINVAL')) throw error;
      return { index: this.index, flags: 0, count: 0 };
    }
  }
}
