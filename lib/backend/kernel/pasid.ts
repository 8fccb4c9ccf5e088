import type { Native } from '../../native/binding.js';
import { explained } from './explain.js';
import { IOMMU_HWPT_ALLOC_PASID } from './uapi.js';

/** A device in an address space, by the object ids of its iommufd. */
export interface Attachment {
  readonly name: string;
  readonly fd: number;
  readonly iommufd: number;
  readonly ioas: number;
  readonly deviceId: number;
}

/**
 * The PASIDs of a device that see its address space. They need a page table made for PASIDs, and
 * so does the device itself from then on (iommufd's rule); it stands on the same address space,
 * so what is mapped stays mapped.
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
    explained(name, () => {
      this.#pageTable ??= this.#changePageTable();
      this.#native.deviceAttachPt(fd, this.#pageTable, pasid);
    });
    this.#attached.add(pasid);
  }

  detach(pasid: number): void {
    const { name, fd } = this.#device;
    explained(name, () => {
      this.#native.deviceDetachPt(fd, pasid);
    });
    this.#attached.delete(pasid);
  }

  detachAll(): void {
    for (const pasid of this.#attached) this.detach(pasid);
  }

  /** Once nothing is attached to it. */
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
