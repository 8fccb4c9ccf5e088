import { VfioError } from '../../../errors.js';
import type { Via } from '../../../contract/index.js';
import { fail } from '../machine/errno.js';
import type { Profile } from '../machine/profile.js';

/** PASID 0 stands for the requests without a PASID. These requests always have a page table. */
const NO_PASID = 0;

/**
 * PASIDs that are attached to a device. A DMA transfer with an attached PASID uses the device's
 * address space.
 */
export class Pasids {
  readonly #via: Via;
  readonly #profile: Profile;
  readonly #attached = new Set<number>();

  constructor(via: Via, profile: Profile) {
    this.#via = via;
    this.#profile = profile;
  }

  has(pasid: number): boolean {
    return this.#attached.has(pasid);
  }

  attach(pasid: number): void {
    this.#check('VFIO_DEVICE_ATTACH_IOMMUFD_PT');
    // Attaching a PASID needs a page table with the flag IOMMU_HWPT_ALLOC_PASID.
    if (!this.#profile.pasids) fail('ENOTSUP', 'IOMMU_HWPT_ALLOC');
    if (pasid === NO_PASID) fail('EBUSY', 'VFIO_DEVICE_ATTACH_IOMMUFD_PT');
    this.#attached.add(pasid);
  }

  detach(pasid: number): void {
    const syscall = 'VFIO_DEVICE_DETACH_IOMMUFD_PT';
    this.#check(syscall);
    // A kernel that cannot attach PASIDs refuses the PASID flag of the detach call.
    if (!this.#profile.pasids) fail('EINVAL', syscall);
    this.#attached.delete(pasid);
  }

  #check(syscall: string): void {
    if (this.#via === 'cdev') return;
    throw new VfioError({
      code: 'ENOTSUP',
      syscall,
      hint: "Only iommufd attaches PASIDs: open the device with via: 'cdev'.",
    });
  }
}
