import type { CreatedAddressSpace } from '../../contract/index.js';
import { KernelAddressSpace } from './address-space.js';
import { callWithPath } from '../linux/describe-error.js';
import { ioasCalls, type Iommufd } from './iommufd.js';
import type { Kernel } from './kernel.js';

/** An I/O address space (IOAS) that the program has created. PASIDs are attached to it. */
export class Ioas extends KernelAddressSpace implements CreatedAddressSpace {
  /** Object id in the iommufd. */
  readonly id: number;
  readonly iommufd: Iommufd;

  /** @throws VfioError the error of IOMMU_IOAS_ALLOC */
  constructor(kernel: Kernel, iommufd: Iommufd) {
    const { native, sysfs } = kernel;
    const { fd } = iommufd;
    const id = callWithPath(sysfs.iommuNode, () => native.iommufdIoasAlloc(fd));
    const destroy = () => {
      // The kernel refuses to destroy an address space with a page table.
      native.iommufdDestroy(fd, id);
      iommufd.release();
    };
    super(kernel, { ...ioasCalls(kernel, fd, id), destroy }, iommufd);
    iommufd.retain();
    this.id = id;
    this.iommufd = iommufd;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
