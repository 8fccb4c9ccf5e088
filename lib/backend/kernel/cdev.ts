import { VfioError } from '../../errors.js';
import type { OpenedFds } from '../../contract/index.js';
import { KernelAddressSpace } from './address-space.js';
import type { DeviceFile, DmaContext } from './device-file.js';
import { explain, explained, type Hint } from './explain.js';
import * as hints from '../../sysfs/hints.js';
import { ioasCalls, type Iommufd } from './iommufd.js';
import type { Kernel } from './kernel.js';
import type { OpenRequest } from '../../contract/open-options.js';
import { Counted, Releases } from './ownership.js';
import { PasidTable } from './pasid.js';
import type { Steps } from './steps.js';
import type { Sysfs } from '../../sysfs/sysfs.js';
import type { Target } from '../../sysfs/target.js';

/** The I/O address space that the devices of an IOMMU group share: they must be in one. */
export class IoasContext extends Counted implements DmaContext {
  readonly addressSpace: KernelAddressSpace;
  readonly #kernel: Kernel;
  readonly #iommufd: number;
  readonly #ioas: number;

  /** @param iommufd - one hold of it, given back with this */
  constructor(kernel: Kernel, iommufd: Iommufd, taken: Releases) {
    super(taken);
    taken.add(() => {
      iommufd.release();
    });
    const { native, sysfs } = kernel;
    this.#kernel = kernel;
    this.#iommufd = iommufd.fd;
    this.#ioas = explained(sysfs.iommuNode, () => native.iommufdIoasAlloc(iommufd.fd));
    taken.add(() => {
      native.iommufdDestroy(this.#iommufd, this.#ioas);
    });
    this.addressSpace = new KernelAddressSpace(
      kernel,
      ioasCalls(kernel, iommufd.fd, this.#ioas),
      this,
    );
    taken.add(() => {
      this.addressSpace.close();
    });
  }

  *openDevice(target: Target, { token, fds }: OpenRequest): Steps<DeviceFile> {
    const { native, sysfs } = this.#kernel;
    const { name } = target;
    const bytes = token?.bytes ?? null;
    const taken = new Releases();
    try {
      const fd = openNode(this.#kernel, target, fds);
      taken.add(() => {
        native.close(fd);
      });
      let deviceId: number;
      try {
        deviceId = yield {
          now: () => native.deviceBindIommufd(fd, this.#iommufd, bytes),
          later: () => native.deviceBindIommufdAsync(fd, this.#iommufd, bytes),
        };
      } catch (error) {
        throw explain(error, name, bindHint(sysfs, target, token !== null));
      }
      explained(name, () => native.deviceAttachPt(fd, this.#ioas, null));
      const pasids = new PasidTable(native, {
        name,
        fd,
        iommufd: this.#iommufd,
        ioas: this.#ioas,
        deviceId,
      });
      taken.add(() => {
        pasids.destroyPageTable();
      });
      // A device that was given stays open elsewhere: it must leave the address space by itself.
      taken.add(() => {
        native.deviceDetachPt(fd, null);
      });
      taken.add(() => {
        pasids.detachAll();
      });
      return {
        fd,
        via: 'cdev',
        addressSpace: this.addressSpace,
        groupFd: null,
        attachPasid: (pasid) => {
          pasids.attach(pasid);
        },
        detachPasid: (pasid) => {
          pasids.detach(pasid);
        },
        release: () => {
          taken.run();
          this.release();
        },
      };
    } catch (error) {
      taken.run();
      throw error;
    }
  }
}

function openNode(
  { native, sysfs }: Kernel,
  { name, vfioDevice }: Target,
  fds: OpenedFds | undefined,
): number {
  if (fds?.via === 'cdev') return explained(name, () => native.duplicate(fds.device));
  const path = sysfs.deviceNode(vfioDevice ?? '');
  return explained(
    path,
    () => {
      if (vfioDevice === null) throw new VfioError({ code: 'ENOENT', syscall: 'open' });
      return native.open(path, true);
    },
    ({ code }) => {
      if (code === 'ENOENT') return hints.noIommufd(path);
      return code === 'EACCES' || code === 'EPERM' ? hints.notPermitted(path) : undefined;
    },
  );
}

function bindHint(sysfs: Sysfs, { name, group }: Target, tokenGiven: boolean): Hint {
  return ({ code }) => {
    switch (code) {
      case 'EPERM':
        return hints.bindNotPermitted(sysfs, group);
      case 'EACCES':
        return hints.tokenRefused(name, tokenGiven);
      case 'EAGAIN':
        return hints.resetContended(name);
      case 'EINVAL':
        return tokenGiven ? hints.tokenUnwanted(name) : hints.bindRefused(name);
      case 'EBUSY':
        return hints.groupBusy(sysfs.groupNode(group));
      default:
        return undefined;
    }
  };
}
