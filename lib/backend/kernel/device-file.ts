import type { Via } from '../../contract/index.js';
import type { KernelAddressSpace } from './address-space.js';
import type { OpenRequest } from '../../contract/open-options.js';
import type { Counted } from './ownership.js';
import type { Steps } from './steps.js';
import type { Target } from '../../sysfs/target.js';

/** What the devices of one IOMMU group share. */
export interface DmaContext extends Counted {
  readonly addressSpace: KernelAddressSpace;
  /** The device takes over the caller's hold of the context; not if it throws. */
  openDevice(target: Target, request: OpenRequest): Steps<DeviceFile>;
}

/** An open device with what differs by the way in. */
export interface DeviceFile {
  readonly fd: number;
  readonly via: Via | 'noiommu';
  readonly addressSpace: KernelAddressSpace;
  /** What authorizes a hot reset; null where the iommufd does. */
  readonly groupFd: number | null;
  attachPasid(pasid: number): void;
  detachPasid(pasid: number): void;
  /** Closes it, then lets go of the context. */
  release(): void;
}
