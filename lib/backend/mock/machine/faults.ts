import { VfioError } from '../../../errors.js';
import { checkInteger } from '../../../checks.js';

/**
 * An operation of the contract: `map` and `unmap` are DMA, `mmap` maps registers, `read` and
 * `write` go through the device file. Registers that are mapped make no calls.
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
  | 'attachPasid'
  | 'detachPasid'
  | 'createEventfd'
  | 'allocate'
  | 'map'
  | 'unmap';

/** What a failure names as the call that failed. */
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
  attachPasid: 'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
  detachPasid: 'VFIO_DEVICE_DETACH_IOMMUFD_PT',
  createEventfd: 'eventfd',
  allocate: 'mmap',
  map: 'VFIO_IOMMU_MAP_DMA',
  unmap: 'VFIO_IOMMU_UNMAP_DMA',
};

const COUNT_MAX = 2 ** 32 - 1;

interface Failure {
  readonly kind: FaultKind;
  readonly code: string;
  /** Calls of that kind that still go well, and that fail then. */
  before: number;
  left: number;
}

/** What goes wrong with a device, because somebody wants it to. */
export class Faults {
  #failures: Failure[] = [];
  /** Milliseconds that an interrupt takes on its way to the host. */
  interruptDelay = 0;
  /** How many interrupt messages are lost from now on. */
  interruptsLost = 0;
  /** Why the device cannot be opened: it was pulled out, or the host took it or its group. */
  away: 'unplugged' | 'unbound' | 'taken' | null = null;

  /** @throws TypeError for a kind or an errno that is not known */
  add(kind: FaultKind, code: string, nth: number, times: number): void {
    if (!Object.hasOwn(CALLS, kind)) {
      throw new TypeError(`there is no kind '${kind}': ${Object.keys(CALLS).join(', ')}`);
    }
    checkInteger(nth, 'nth', 1, COUNT_MAX);
    if (times !== Infinity) checkInteger(times, 'times', 1, COUNT_MAX);
    const { code: known } = new VfioError({ code });
    this.#failures.push({ kind, code: known, before: nth - 1, left: times });
  }

  /**
   * A call of a kind is made.
   *
   * @param syscall - its name, where there are several
   * @throws VfioError if it is one that fails; then it has no effect
   */
  check(kind: FaultKind, syscall: string = CALLS[kind]): void {
    let failed: Failure | undefined;
    for (const failure of this.#failures) {
      if (failure.kind !== kind) continue;
      if (failure.before > 0) failure.before--;
      else failed ??= failure;
    }
    if (failed === undefined) return;
    if (--failed.left === 0) this.#failures = this.#failures.filter((one) => one !== failed);
    throw new VfioError({ code: failed.code, syscall });
  }

  clear(): void {
    this.#failures = [];
    this.interruptDelay = 0;
    this.interruptsLost = 0;
    this.away = null;
  }
}
