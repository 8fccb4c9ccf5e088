import { native, type Native } from '../../native/binding.js';
import type {
  Backend,
  DeviceConnection,
  Eventfd,
  OpenedFds,
  OpenOptions,
  PciFunction,
} from '../../contract/index.js';
import { parseAddress } from '../../contract/names.js';
import { IoasContext } from './cdev.js';
import { KernelConnection } from './connection.js';
import { KernelEventfd, signalAll } from './eventfd.js';
import type { DmaContext } from './device-file.js';
import { GroupContext } from './group.js';
import { Iommufd } from './iommufd.js';
import type { Kernel } from './kernel.js';
import { NoiommuWarning } from './noiommu.js';
import { checkOpenOptions, type OpenRequest } from '../../contract/open-options.js';
import { Registry, Releases } from './ownership.js';
import { runLater, runNow, type Steps } from './steps.js';
import { Sysfs } from '../../sysfs/sysfs.js';
import { findTarget, type Target } from '../../sysfs/target.js';

/** PCI functions that the kernel gives by /dev/vfio. */
export class KernelBackend implements Backend {
  readonly #sysfs: Sysfs;
  readonly #native: () => Native;
  readonly #contexts = new Registry<DmaContext>();
  readonly #iommufds = new Registry<Iommufd>();
  readonly #warning = new NoiommuWarning();

  /** @param load - gives the addon when the first device is opened */
  constructor(sysfs: Sysfs, load: () => Native) {
    this.#sysfs = sysfs;
    this.#native = load;
  }

  /** Addresses: `'0000:01:00.0'`, or short `'01:00.0'` in domain 0000. */
  owns(name: string): boolean {
    return parseAddress(name) !== null;
  }

  canonical(name: string): string {
    return parseAddress(name) ?? name;
  }

  list(): PciFunction[] {
    return this.#sysfs.list();
  }

  /**
   * Opens a function that is bound to vfio-pci. The kernel resets it, which can take a second.
   *
   * @throws TypeError if the name is no address, or an option is wrong
   * @throws VfioError ENODEV no such function, no IOMMU group, another driver; EBUSY the group is
   *   not viable or open elsewhere; EACCES or EPERM a node, the interrupts or the VF token
   */
  async open(name: string, options: OpenOptions): Promise<DeviceConnection> {
    return runLater(this.#open(name, options));
  }

  openSync(name: string, options: OpenOptions): DeviceConnection {
    return runNow(this.#open(name, options));
  }

  *#open(name: string, options: OpenOptions): Steps<DeviceConnection> {
    const address = parseAddress(name);
    if (address === null) throw new TypeError(`'${name}' is not the address of a PCI function`);
    const request = checkOpenOptions(options);
    const target = findTarget(this.#sysfs, address, request);
    const kernel = { native: this.#native(), sysfs: this.#sysfs };
    const context = this.#acquire(kernel, target, request);
    try {
      const file = yield* context.openDevice(target, request);
      if (file.via === 'noiommu') this.#warning.tell(address);
      return new KernelConnection(kernel, address, file);
    } catch (error) {
      context.release();
      throw error;
    }
  }

  /** One hold of what the devices of the target's IOMMU group share. */
  #acquire(kernel: Kernel, target: Target, { fds }: OpenRequest): DmaContext {
    const { via, group } = target;
    return this.#contexts.acquire(`${via} ${group.number}`, (taken) => {
      if (via === 'cdev') return new IoasContext(kernel, this.#iommufd(kernel, fds), taken);
      return new GroupContext(kernel, group, fds?.via === 'group' ? fds : undefined, taken);
    });
  }

  #iommufd(kernel: Kernel, fds: OpenedFds | undefined): Iommufd {
    if (fds?.via === 'cdev') return new Iommufd(kernel, fds.iommufd, new Releases());
    return this.#iommufds.acquire('', (taken) => new Iommufd(kernel, undefined, taken));
  }
}

/** The back end of `'0000:01:00.0'`; the addon is loaded with the first device. */
export const kernelBackend: Backend = new KernelBackend(new Sysfs(), native);

/**
 * An eventfd of the kernel, without a device: for the consumer of a virtual one. The caller closes
 * it. For an imitated device take `device.createEventfd()`.
 */
export function createEventfd(): Eventfd {
  return new KernelEventfd(native());
}

/**
 * Adds 1 to each of the eventfds, by one call into native code: of many, each costs hardly more
 * than its system call.
 *
 * @throws {@link VfioError} EBADF if one is closed, before any of the kernel's is signalled; EAGAIN
 *   if a counter is full: those before it are signalled
 * @example
 * const vectors = Array.from({ length: 64 }, () => createEventfd());
 * signalEventfds(vectors);
 */
export function signalEventfds(eventfds: readonly Eventfd[]): void {
  signalAll(native, eventfds);
}
