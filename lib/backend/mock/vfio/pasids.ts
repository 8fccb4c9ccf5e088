import { VfioError } from '../../../errors.js';
import type { Via } from '../../../contract/index.js';
import type { MockAddressSpace } from '../machine/address-space.js';
import { MockCreatedAddressSpace } from '../machine/created-address-space.js';
import { fail } from '../machine/errno.js';
import type { Profile } from '../machine/profile.js';

/** PASID 0 stands for the requests without a PASID. These requests always have a page table. */
const NO_PASID = 0;

/** The PASIDs that are attached to a device, with the address space of each PASID. */
export class Pasids {
  readonly #via: Via;
  readonly #profile: Profile;
  readonly #spaces = new Map<number, MockAddressSpace>();

  constructor(via: Via, profile: Profile) {
    this.#via = via;
    this.#profile = profile;
  }

  /** Returns the address space of a PASID, or undefined if the PASID is not attached. */
  find(pasid: number): MockAddressSpace | undefined {
    return this.#spaces.get(pasid);
  }

  attach(pasid: number, space: MockAddressSpace): void {
    this.check('VFIO_DEVICE_ATTACH_IOMMUFD_PT');
    // Attaching a PASID needs a page table with the flag IOMMU_HWPT_ALLOC_PASID.
    if (!this.#profile.pasids) fail('ENOTSUP', 'IOMMU_HWPT_ALLOC');
    const isCreated = space instanceof MockCreatedAddressSpace;
    if (isCreated) space.attach();
    if (pasid === NO_PASID) {
      if (isCreated) space.detach();
      fail('EBUSY', 'VFIO_DEVICE_ATTACH_IOMMUFD_PT');
    }
    this.#forget(pasid);
    this.#spaces.set(pasid, space);
  }

  detach(pasid: number): void {
    const syscall = 'VFIO_DEVICE_DETACH_IOMMUFD_PT';
    this.check(syscall);
    // A kernel that cannot attach PASIDs refuses the PASID flag of the detach call.
    if (!this.#profile.pasids) fail('EINVAL', syscall);
    this.#forget(pasid);
  }

  detachAll(): void {
    for (const pasid of this.#spaces.keys()) this.#forget(pasid);
  }

  /** Checks that the device is open via its character device. */
  check(syscall: string): void {
    if (this.#via === 'cdev') return;
    throw new VfioError({
      code: 'ENOTSUP',
      syscall,
      hint: "Only iommufd attaches PASIDs: open the device with via: 'cdev'.",
    });
  }

  #forget(pasid: number): void {
    const space = this.#spaces.get(pasid);
    this.#spaces.delete(pasid);
    if (space instanceof MockCreatedAddressSpace) space.detach();
  }
}
