import type { Native } from '../../native/binding.js';
import { callWithPath } from '../linux/describe-error.js';
import type { Ioas } from './ioas.js';
import type { Iommufd } from './iommufd.js';
import { IOMMU_HWPT_ALLOC_PASID } from './uapi.js';

/** A device that is attached to an address space, and the ids of its objects in the iommufd. */
export interface Attachment {
  readonly name: string;
  readonly fd: number;
  readonly iommufd: Iommufd;
  readonly ioas: number;
  readonly deviceId: number;
}

/**
 * The PASIDs of a device, and the page tables of their address spaces. iommufd attaches a PASID only
 * to a page table that was allocated for PASIDs. The device itself must use such a page table, too.
 * That page table belongs to the same address space as the device's first page table, so existing
 * mappings stay.
 */
export class PasidTable {
  readonly #native: Native;
  readonly #device: Attachment;
  /** The address space of each attached PASID; null for the address space of the device. */
  readonly #attached = new Map<number, Ioas | null>();
  /** The page table of each address space with a PASID. */
  readonly #pageTables = new Map<Ioas, number>();
  /** The page table of the device itself; null before the first PASID is attached. */
  #pageTable: number | null = null;

  constructor(native: Native, device: Attachment) {
    this.#native = native;
    this.#device = device;
  }

  /** @param ioas - the address space to attach, or null for the address space of the device */
  attach(pasid: number, ioas: Ioas | null): void {
    const { name, fd, iommufd } = this.#device;
    if (ioas !== null && ioas.iommufd !== iommufd) {
      throw new TypeError('addressSpace belongs to another iommufd than the device');
    }
    const old = this.#attached.get(pasid);
    callWithPath(name, () => {
      this.#pageTable ??= this.#changePageTable();
      const pageTable = ioas === null ? this.#pageTable : this.#pageTableOf(ioas);
      try {
        this.#native.deviceAttachPt(fd, pageTable, pasid);
        this.#attached.set(pasid, ioas);
      } finally {
        for (const one of [ioas, old]) this.#destroyUnused(one);
      }
    });
  }

  detach(pasid: number): void {
    const { name, fd } = this.#device;
    const ioas = this.#attached.get(pasid);
    callWithPath(name, () => {
      this.#native.deviceDetachPt(fd, pasid);
      this.#attached.delete(pasid);
      this.#destroyUnused(ioas);
    });
  }

  detachAll(): void {
    for (const pasid of this.#attached.keys()) this.detach(pasid);
  }

  /** Destroys the page table. Before the call, the device and all PASIDs must be detached. */
  destroyPageTable(): void {
    if (this.#pageTable === null) return;
    this.#native.iommufdDestroy(this.#device.iommufd.fd, this.#pageTable);
  }

  #pageTableOf(ioas: Ioas): number {
    const known = this.#pageTables.get(ioas);
    if (known !== undefined) return known;
    const made = this.#allocate(ioas.id);
    this.#pageTables.set(ioas, made);
    return made;
  }

  /** Destroys the page table of an address space without a PASID, so that it can be closed. */
  #destroyUnused(ioas: Ioas | null | undefined): void {
    if (ioas === null || ioas === undefined) return;
    const pageTable = this.#pageTables.get(ioas);
    if (pageTable === undefined || [...this.#attached.values()].includes(ioas)) return;
    this.#pageTables.delete(ioas);
    this.#native.iommufdDestroy(this.#device.iommufd.fd, pageTable);
  }

  #allocate(ioas: number): number {
    const { iommufd, deviceId } = this.#device;
    return this.#native.iommufdHwptAlloc(iommufd.fd, IOMMU_HWPT_ALLOC_PASID, deviceId, ioas);
  }

  #changePageTable(): number {
    const { fd, iommufd, ioas } = this.#device;
    const made = this.#allocate(ioas);
    try {
      this.#native.deviceAttachPt(fd, made, null);
    } catch (error) {
      this.#native.iommufdDestroy(iommufd.fd, made);
      throw error;
    }
    return made;
  }
}
