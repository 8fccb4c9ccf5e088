import type { Via } from '../../contract/index.js';
import type { KernelAddressSpace } from './address-space.js';
import type { OpenRequest } from '../../contract/open-options.js';
import type { RefCounted } from './ownership.js';
import type { Steps } from './steps.js';
import type { Target } from '../../sysfs/target.js';

/** The kernel objects that all devices of one IOMMU group share. */
export interface DmaContext extends RefCounted {
  readonly addressSpace: KernelAddressSpace;
  /** Opens a device, which then owns the caller's reference to the context, unless this throws. */
  openDevice(target: Target, request: OpenRequest): Steps<DeviceFile>;
}

/** An open device, with the operations that differ between group and character device. */
export interface DeviceFile {
  readonly fd: number;
  readonly via: Via | 'noiommu';
  readonly addressSpace: KernelAddressSpace;
  /** Authorizes a hot reset; null if the iommufd authorizes it. */
  readonly groupFd: number | null;
  attachPasid(pasid: number): void;
  detachPasid(pasid: number): void;
  /** Closes the device, then releases its reference to the context. */
  release(): void;
}
