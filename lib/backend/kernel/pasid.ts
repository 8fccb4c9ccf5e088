import type { Native } from '../../native/binding.js';
import { callWithPath } from '../linux/describe-error.js';
import { IOMMU_HWPT_ALLOC_PASID } from './uapi.js';

/** A device that is attached to an address space, and the ids of its objects in the iommufd. */
export interface Attachment {
  readonly name: string;
  readonly fd: number;
  readonly iommufd: number;
  readonly ioas: number;
  readonly deviceId: number;
}

/**
 * The PASIDs that are attached to a device's address space. iommufd attaches a PASID only to a page
 * table that was allocated for PASIDs. The device itself must use the same page table. A page table
 * for PASIDs belongs to the same address space as the device's first page table, so existing
 * mappings stay.
 */
export class PasidTable {
  readonly #native: Native;
  readonly #device: Attachment;
  readonly #attached = new Set<number>();
  #pageTable: number | null = null;

  constructor(native: Native, device: Attachment) {
    this.#native = native;
    this.#device = device;
  }

  attach(pasid: number): void {
    const { name, fd } = this.#device;
    callWithPath(name, () => {
      this.#pageTable ??= this.#changePageTable();
      this.#native.deviceAttachPt(fd, this.#pageTable, pasid);
    });
    this.#attached.add(pasid);
  }

  detach(pasid: number): void {
    const { name, fd } = this.#device;
    callWithPath(name, () => {
      this.#native.deviceDetachPt(fd, pasid);
    });
    this.#attached.delete(pasid);
  }

  detachAll(): void {
    for (const pasid of this.#attached) this.detach(pasid);
  }

  /** Destroys the page table. Before the call, the device and all PASIDs must be detached. */
  destroyPageTable(): void {
    if (this.#pageTable === null) return;
    this.#native.iommufdDestroy(this.#device.iommufd, this.#pageTable);
  }

  #changePageTable(): number {
    const { fd, iommufd, deviceId, ioas } = this.#device;
    const made = this.#native.iommufdHwptAlloc(iommufd, IOMMU_HWPT_ALLOC_PASID, deviceId, ioas);
    try {
      this.#native.deviceAttachPt(fd, made, null);
    } catch (error) {
      this.#native.iommufdDestroy(iommufd, made);
      throw error;
    }
    return made;
  }
}
