import { VfioError } from '../../errors.js';
import type { OpenedFds } from '../../contract/index.js';
import { KernelAddressSpace } from './address-space.js';
import { hasIommu, openContainer, type1Calls } from './container.js';
import type { DeviceFile, DmaContext } from './device-file.js';
import { describeError, callWithPath } from '../linux/describe-error.js';
import * as hints from '../../sysfs/hints.js';
import type { Kernel } from './kernel.js';
import { noiommuCalls } from './noiommu.js';
import type { OpenRequest } from '../../contract/open-options.js';
import { RefCounted } from './ownership.js';
import type { Releases } from '../../releases.js';
import type { Steps } from './steps.js';
import type { IommuGroup } from '../../sysfs/sysfs.js';
import type { Target } from '../../sysfs/target.js';
import * as uapi from './uapi.js';

type GivenFds = Extract<OpenedFds, { via: 'group' }>;

/**
 * An IOMMU group in a container. All devices of the group share the group's file descriptor,
 * because the group's node can be opened only once. When the last device closes, the group is
 * released first, then the container.
 */
export class GroupContext extends RefCounted implements DmaContext {
  readonly addressSpace: KernelAddressSpace;
  readonly #kernel: Kernel;
  readonly #fd: number;
  readonly #path: string;
  readonly #noiommu: boolean;

  /**
   * @param releases - the release actions of the context; if the constructor throws, the caller
   *   must run these actions
   */
  constructor(kernel: Kernel, group: IommuGroup, given: GivenFds | undefined, releases: Releases) {
    super(releases);
    const type = group.noiommu ? uapi.VFIO_NOIOMMU_IOMMU : uapi.VFIO_TYPE1v2_IOMMU;
    const container = openContainer(kernel, type, given?.container, releases);
    this.#kernel = kernel;
    this.#path = kernel.sysfs.groupNode(group);
    this.#noiommu = group.noiommu;
    this.#fd = openGroup(kernel, this.#path, given?.group, releases);
    this.#join(container, type, group, releases);
    const calls = group.noiommu ? noiommuCalls(this.#path) : type1Calls(kernel, container);
    this.addressSpace = new KernelAddressSpace(kernel, calls, this);
    releases.add(() => {
      this.addressSpace.close();
    });
  }

  /**
   * Checks the group's status. If the group has no container with an IOMMU, then calls
   * SET_CONTAINER and SET_IOMMU.
   */
  #join(container: number, type: number, group: IommuGroup, releases: Releases): void {
    const { native, sysfs } = this.#kernel;
    const status = callWithPath(this.#path, () => native.groupGetStatus(this.#fd));
    if ((status & uapi.VFIO_GROUP_FLAGS_VIABLE) === 0) {
      throw new VfioError({
        code: 'EBUSY',
        message: `IOMMU group ${group.number} is not viable`,
        syscall: 'VFIO_GROUP_GET_STATUS',
        path: this.#path,
        hint: hints.notViable(sysfs, group),
      });
    }
    if ((status & uapi.VFIO_GROUP_FLAGS_CONTAINER_SET) !== 0) {
      if (hasIommu(native, container)) return;
    } else {
      callWithPath(
        this.#path,
        () => {
          native.groupSetContainer(this.#fd, container);
        },
        ({ code }) => (code === 'EBUSY' ? hints.notViable(sysfs, group) : undefined),
      );
      // If the group had no container before, the group is removed from the container at the
      // release.
      releases.add(() => {
        native.groupUnsetContainer(this.#fd);
      });
    }
    callWithPath(
      sysfs.containerNode,
      () => {
        native.containerSetIommu(container, type);
      },
      ({ code }) => {
        if (code === 'ENODEV') return hints.noType1();
        return code === 'EPERM' ? hints.unsafeInterrupts('vfio_iommu_type1') : undefined;
      },
    );
  }

  *openDevice({ name }: Target, { token }: OpenRequest): Steps<DeviceFile> {
    const { native, sysfs } = this.#kernel;
    const text = token === null ? name : `${name} vf_token=${token.text}`;
    let fd: number;
    try {
      fd = yield {
        sync: () => native.groupGetDeviceFd(this.#fd, text),
        async: () => native.groupGetDeviceFdAsync(this.#fd, text),
      };
    } catch (error) {
      throw describeError(error, name, ({ code }) => {
        if (code === 'EACCES') return hints.tokenRefused(sysfs, name, token !== null);
        if (code === 'EINVAL' && token !== null) return hints.tokenUnwanted(name);
        if (code === 'ENODEV') return hints.notBound(sysfs, name);
        return code === 'EAGAIN' ? hints.resetContended(name) : undefined;
      });
    }
    const pasid = (syscall: string): never => {
      throw new VfioError({ code: 'ENOTSUP', syscall, path: name, hint: hints.noPasid() });
    };
    return {
      fd,
      via: this.#noiommu ? 'noiommu' : 'group',
      addressSpace: this.addressSpace,
      groupFd: this.#fd,
      createAddressSpace: () => pasid('IOMMU_IOAS_ALLOC'),
      attachPasid: () => pasid('VFIO_DEVICE_ATTACH_IOMMUFD_PT'),
      detachPasid: () => pasid('VFIO_DEVICE_DETACH_IOMMUFD_PT'),
      release: () => {
        native.close(fd);
        this.release();
      },
    };
  }
}

function openGroup(
  { native }: Kernel,
  path: string,
  given: number | undefined,
  releases: Releases,
): number {
  const fd = callWithPath(
    path,
    () => (given === undefined ? native.open(path, true) : native.duplicate(given)),
    ({ code }) => {
      if (code === 'EBUSY') return hints.groupBusy(path);
      if (code === 'ENOENT') return hints.noNode(path);
      return code === 'EACCES' || code === 'EPERM' ? hints.notPermitted(path) : undefined;
    },
  );
  releases.add(() => {
    native.close(fd);
  });
  return fd;
}
