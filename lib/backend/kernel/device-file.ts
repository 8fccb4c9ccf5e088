import type { Via } from '../../contract/index.js';
import type { KernelAddressSpace } from './address-space.js';
import type { Ioas } from './ioas.js';
import type { OpenRequest } from '../../contract/open-options.js';
import type { RefCounted } from './ownership.js';
import type { Steps } from './steps.js';
import type { Target } from '../../sysfs/target.js';

/** The kernel objects that all devices of one IOMMU group share. */
export interface DmaContext extends RefCounted {
  readonly addressSpace: KernelAddressSpace;
  /**
   * Opens a device. If openDevice() succeeds, the device owns the caller's reference to the
   * context. If openDevice() throws, the caller still owns the reference.
   */
  openDevice(target: Target, request: OpenRequest): Steps<DeviceFile>;
}

/**
 * An open device. Devices that are open via a group and devices that are open via a character
 * device have different implementations.
 */
export interface DeviceFile {
  readonly fd: number;
  readonly via: Via | 'noiommu';
  readonly addressSpace: KernelAddressSpace;
  /**
   * The group's file descriptor, which authorizes a hot reset. Null if the iommufd authorizes the
   * hot reset.
   */
  readonly groupFd: number | null;
  createAddressSpace(): Ioas;
  /** @param ioas - the address space to attach, or null for the address space of the device */
  attachPasid(pasid: number, ioas: Ioas | null): void;
  detachPasid(pasid: number): void;
  /** Closes the device, then releases the device's reference to the context. */
  release(): void;
}
