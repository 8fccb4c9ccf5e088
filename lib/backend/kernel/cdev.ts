import { VfioError } from '../../errors.js';
import type { OpenedFds } from '../../contract/index.js';
import { KernelAddressSpace } from './address-space.js';
import type { DeviceFile, DmaContext } from './device-file.js';
import { describeError, callWithPath, type HintFor } from '../linux/describe-error.js';
import * as hints from '../../sysfs/hints.js';
import { Ioas } from './ioas.js';
import { ioasCalls, type Iommufd } from './iommufd.js';
import type { Kernel } from './kernel.js';
import type { OpenRequest } from '../../contract/open-options.js';
import { RefCounted } from './ownership.js';
import { Releases } from '../../releases.js';
import { PasidTable } from './pasid.js';
import type { Steps } from './steps.js';
import type { Sysfs } from '../../sysfs/sysfs.js';
import type { Target } from '../../sysfs/target.js';

/**
 * The I/O address space (IOAS) of an IOMMU group. The kernel requires all devices of a group to use
 * the same IOAS.
 */
export class IoasContext extends RefCounted implements DmaContext {
  readonly addressSpace: KernelAddressSpace;
  readonly #kernel: Kernel;
  readonly #iommufd: Iommufd;
  readonly #ioas: number;

  /** @param iommufd - the iommufd; the context owns one reference to the iommufd */
  constructor(kernel: Kernel, iommufd: Iommufd, releases: Releases) {
    super(releases);
    releases.add(() => {
      iommufd.release();
    });
    const { native, sysfs } = kernel;
    this.#kernel = kernel;
    this.#iommufd = iommufd;
    this.#ioas = callWithPath(sysfs.iommuNode, () => native.iommufdIoasAlloc(iommufd.fd));
    releases.add(() => {
      native.iommufdDestroy(iommufd.fd, this.#ioas);
    });
    this.addressSpace = new KernelAddressSpace(
      kernel,
      ioasCalls(kernel, iommufd.fd, this.#ioas),
      this,
    );
    releases.add(() => {
      this.addressSpace.close();
    });
  }

  *openDevice(target: Target, { token, fds }: OpenRequest): Steps<DeviceFile> {
    const { native, sysfs } = this.#kernel;
    const { name } = target;
    const bytes = token?.bytes ?? null;
    const releases = new Releases();
    try {
      const fd = openNode(this.#kernel, target, fds);
      releases.add(() => {
        native.close(fd);
      });
      let deviceId: number;
      try {
        deviceId = yield {
          sync: () => native.deviceBindIommufd(fd, this.#iommufd.fd, bytes),
          async: () => native.deviceBindIommufdAsync(fd, this.#iommufd.fd, bytes),
        };
      } catch (error) {
        throw describeError(error, name, bindHint(sysfs, target, token !== null));
      }
      callWithPath(name, () => native.deviceAttachPt(fd, this.#ioas, null));
      const pasids = new PasidTable(native, {
        name,
        fd,
        iommufd: this.#iommufd,
        ioas: this.#ioas,
        deviceId,
      });
      releases.add(() => {
        pasids.destroyPageTable();
      });
      // If the caller owns a descriptor of the device, the device stays open after the release. An
      // open device uses the IOAS until an explicit detach call.
      releases.add(() => {
        native.deviceDetachPt(fd, null);
      });
      releases.add(() => {
        pasids.detachAll();
      });
      return {
        fd,
        via: 'cdev',
        addressSpace: this.addressSpace,
        groupFd: null,
        createAddressSpace: () => new Ioas(this.#kernel, this.#iommufd),
        attachPasid: (pasid, ioas) => {
          pasids.attach(pasid, ioas);
        },
        detachPasid: (pasid) => {
          pasids.detach(pasid);
        },
        release: () => {
          releases.run();
          this.release();
        },
      };
    } catch (error) {
      releases.run();
      throw error;
    }
  }
}

function openNode(
  { native, sysfs }: Kernel,
  { name, vfioDevice }: Target,
  fds: OpenedFds | undefined,
): number {
  if (fds?.via === 'cdev') return callWithPath(name, () => native.duplicate(fds.device));
  const path = sysfs.deviceNode(vfioDevice ?? '');
  return callWithPath(
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

function bindHint(sysfs: Sysfs, { name, group }: Target, tokenGiven: boolean): HintFor {
  return ({ code }) => {
    switch (code) {
      case 'EPERM':
        return hints.bindNotPermitted(sysfs, group);
      case 'EACCES':
        return hints.tokenRefused(sysfs, name, tokenGiven);
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
