import { isErrno, VfioError } from '../../../errors.js';
import { FaultList } from './fault-list.js';

/**
 * An operation that can fail. `map` maps memory for DMA, and `unmap` removes a DMA mapping. `mmap`
 * maps registers. `read` and `write` access the device file. Accesses to mapped registers cannot
 * fail.
 */
export type FaultKind =
  | 'open'
  | 'getInfo'
  | 'getRegionInfo'
  | 'getIrqInfo'
  | 'setIrqs'
  | 'feature'
  | 'read'
  | 'write'
  | 'mmap'
  | 'reset'
  | 'getHotResetInfo'
  | 'hotReset'
  | 'ioeventfd'
  | 'createAddressSpace'
  | 'attachPasid'
  | 'detachPasid'
  | 'createEventfd'
  | 'allocate'
  | 'map'
  | 'unmap';

/** For each kind of operation, the system call that appears in the error. */
const CALLS: Readonly<Record<FaultKind, string>> = {
  open: 'open',
  getInfo: 'VFIO_DEVICE_GET_INFO',
  getRegionInfo: 'VFIO_DEVICE_GET_REGION_INFO',
  getIrqInfo: 'VFIO_DEVICE_GET_IRQ_INFO',
  setIrqs: 'VFIO_DEVICE_SET_IRQS',
  feature: 'VFIO_DEVICE_FEATURE',
  read: 'read',
  write: 'write',
  mmap: 'mmap',
  reset: 'VFIO_DEVICE_RESET',
  getHotResetInfo: 'VFIO_DEVICE_GET_PCI_HOT_RESET_INFO',
  hotReset: 'VFIO_DEVICE_PCI_HOT_RESET',
  ioeventfd: 'VFIO_DEVICE_IOEVENTFD',
  createAddressSpace: 'IOMMU_IOAS_ALLOC',
  attachPasid: 'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
  detachPasid: 'VFIO_DEVICE_DETACH_IOMMUFD_PT',
  createEventfd: 'eventfd',
  allocate: 'mmap',
  map: 'VFIO_IOMMU_MAP_DMA',
  unmap: 'VFIO_IOMMU_UNMAP_DMA',
};

interface Failure {
  readonly kind: FaultKind;
  readonly code: string;
}

/** Faults that a test injects into a device. */
export class Faults {
  readonly #failures = new FaultList<Failure>();
  /** Delay of each interrupt between the device and the host, in milliseconds. */
  interruptDelay = 0;
  /** Number of interrupt messages to drop, counted from now. */
  interruptsLost = 0;
  /**
   * Reason why the device cannot be opened: the device was unplugged, is not bound to vfio-pci, or
   * has a group that is not viable. The reason is null if the device can be opened.
   */
  away: 'unplugged' | 'unbound' | 'blocked' | null = null;

  /**
   * Adds a failure.
   *
   * @param nth - number of the first failed call, counted from now; 1 is the next call
   * @param times - number of calls that fail; Infinity if all further calls fail
   * @throws TypeError for an unknown kind or errno
   */
  add(kind: FaultKind, code: string, nth: number, times: number): void {
    if (!Object.hasOwn(CALLS, kind)) {
      throw new TypeError(`unknown kind '${kind}': expected ${Object.keys(CALLS).join(', ')}`);
    }
    if (!isErrno(code))
      throw new TypeError(`unknown errno '${code}': expected a name such as 'EIO'`);
    this.#failures.add({ kind, code }, { nth, times });
  }

  /**
   * Counts a call of one kind. Throws the error that {@link add} has set for this call.
   *
   * @param syscall - name of the system call for the error; default: the usual system call of the
   *   kind
   * @throws VfioError with the errno that was given to {@link add}
   */
  check(kind: FaultKind, syscall: string = CALLS[kind]): void {
    const failed = this.#failures.take((failure) => failure.kind === kind);
    if (failed !== undefined) throw new VfioError({ code: failed.code, syscall });
  }

  clear(): void {
    this.#failures.clear();
    this.interruptDelay = 0;
    this.interruptsLost = 0;
    this.away = null;
  }
}
