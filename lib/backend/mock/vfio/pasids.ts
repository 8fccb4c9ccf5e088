import { VfioError } from '../../../errors.js';
import type { Via } from '../../../contract/index.js';
import { fail } from '../machine/errno.js';
import type { Profile } from '../machine/profile.js';

/** PASIDs by which a device sees its address space as well. */
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
    // It takes a page table made for PASIDs.
    if (!this.#profile.pasids) fail('ENOTSUP', 'IOMMU_HWPT_ALLOC');
    this.#attached.add(pasid);
  }

  detach(pasid: number): void {
    const syscall = 'VFIO_DEVICE_DETACH_IOMMUFD_PT';
    this.#check(syscall);
    // Before there were PASIDs, it was a flag that is not known.
    if (!this.#profile.pasids) fail('EINVAL', syscall);
    this.#attached.delete(pasid);
  }

  #check(syscall: string): void {
    if (this.#via === 'cdev') return;
    throw new VfioError({
      code: 'ENOTSUP',
      syscall,
      hint: "PASIDs are attached by way of iommufd: open with via: 'cdev'.",
    });
  }
}
