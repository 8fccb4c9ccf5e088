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
import { KernelEventfd, signalAll } from '../linux/eventfd.js';
import type { DmaContext } from './device-file.js';
import { GroupContext } from './group.js';
import { Iommufd } from './iommufd.js';
import type { Kernel } from './kernel.js';
import { MemoryAreas } from '../linux/memory-areas.js';
import { NoiommuWarning } from './noiommu.js';
import { checkOpenOptions, type OpenRequest } from '../../contract/open-options.js';
import { Registry } from './ownership.js';
import { Releases } from '../../releases.js';
import { runAsync, runSync, type Steps } from './steps.js';
import { Sysfs } from '../../sysfs/sysfs.js';
import { findTarget, type Target } from '../../sysfs/target.js';

/** The PCI functions that the kernel offers through /dev/vfio. */
export class KernelBackend implements Backend {
  readonly #sysfs: Sysfs;
  readonly #native: () => Native;
  readonly #areas: MemoryAreas;
  readonly #contexts = new Registry<DmaContext>();
  readonly #iommufds = new Registry<Iommufd>();
  readonly #warning = new NoiommuWarning();

  /** @param load - loads the addon; called when the first device is opened */
  constructor(sysfs: Sysfs, load: () => Native) {
    this.#sysfs = sysfs;
    this.#areas = new MemoryAreas(sysfs);
    this.#native = load;
  }

  /** Whether a name is an address: `'0000:01:00.0'`, or `'01:00.0'` in domain 0000. */
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
   * Opens a function that is bound to vfio-pci. The kernel resets the function, which can take a
   * second.
   *
   * @throws TypeError if the name is not a PCI address, or if an option has a wrong value
   * @throws VfioError ENODEV if the function does not exist or has no IOMMU group
   * @throws VfioError ENOENT or ENODEV if the function is not bound to vfio-pci
   * @throws VfioError EBUSY if the group is not viable or open in another process
   * @throws VfioError EACCES or EPERM if the kernel refuses the node, the interrupts or the VF
   *   token
   */
  async open(name: string, options: OpenOptions): Promise<DeviceConnection> {
    return runAsync(this.#open(name, options));
  }

  openSync(name: string, options: OpenOptions): DeviceConnection {
    return runSync(this.#open(name, options));
  }

  *#open(name: string, options: OpenOptions): Steps<DeviceConnection> {
    const address = parseAddress(name);
    if (address === null)
      throw new TypeError(`'${name}' is not a PCI address such as '0000:01:00.0'`);
    const request = checkOpenOptions(options);
    const kernel = { native: this.#native(), sysfs: this.#sysfs, areas: this.#areas };
    const target = findTarget(this.#sysfs, address, request);
    const context = this.#acquire(kernel, target, request);
    try {
      const file = yield* context.openDevice(target, request);
      if (file.via === 'noiommu') this.#warning.warnOnce(address);
      return new KernelConnection(kernel, address, file);
    } catch (error) {
      context.release();
      throw error;
    }
  }

  /** Acquires a reference to the context of the target's IOMMU group. */
  #acquire(kernel: Kernel, target: Target, { fds }: OpenRequest): DmaContext {
    const { via, group } = target;
    return this.#contexts.acquire(`${via} ${group.number}`, (releases) => {
      if (via === 'cdev') return new IoasContext(kernel, this.#iommufd(kernel, fds), releases);
      return new GroupContext(kernel, group, fds?.via === 'group' ? fds : undefined, releases);
    });
  }

  #iommufd(kernel: Kernel, fds: OpenedFds | undefined): Iommufd {
    if (fds?.via === 'cdev') return new Iommufd(kernel, fds.iommufd, new Releases());
    return this.#iommufds.acquire('', (releases) => new Iommufd(kernel, undefined, releases));
  }
}

/**
 * The back end of real devices, which have names such as `'0000:01:00.0'`. The addon is loaded when
 * the first device is opened.
 */
export const kernelBackend: Backend = new KernelBackend(new Sysfs(), native);

/**
 * Creates a kernel eventfd that belongs to no device. The consumer of a virtual device's interrupts
 * can use this eventfd. The caller closes the eventfd. For a mock device, use
 * `device.createEventfd()` instead.
 */
export function createEventfd(): Eventfd {
  return new KernelEventfd(native());
}

/**
 * Adds 1 to each eventfd by one call into native code. With many eventfds, the time per eventfd is
 * little more than the time of one system call.
 *
 * @throws {@link VfioError} EBADF if an eventfd is closed; no eventfd of the kernel is then
 *   signalled
 * @throws {@link VfioError} EAGAIN if the counter of an eventfd is full; the eventfds before the
 *   full eventfd are then signalled
 * @example
 * const vectors = Array.from({ length: 64 }, () => createEventfd());
 * signalEventfds(vectors);
 */
export function signalEventfds(eventfds: readonly Eventfd[]): void {
  signalAll(native, eventfds);
}
