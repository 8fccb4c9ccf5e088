import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { IommuFacts, IovaRange, PciFunction } from '../contract/index.js';
import { parseAddress } from '../contract/names.js';
import { attempt, tolerate } from './attempt.js';

const NEWLINE = 0x0a;
/** Name of the group of a device without an IOMMU. */
const NOIOMMU = 'vfio-noiommu';

export interface IommuGroup {
  readonly number: number;
  /** Whether the group contains a device without an IOMMU. */
  readonly noiommu: boolean;
}

export interface GroupMember {
  readonly name: string;
  readonly driver: string | null;
}

/** Reads information about devices from /sys, /dev and /proc. */
export class Sysfs {
  readonly #root: string;

  /**
   * @param root - the folder to use as `/`, for example a copy of `/sys` from another machine
   */
  constructor(root = '/') {
    this.#root = root;
  }

  path(...parts: string[]): string {
    return join(this.#root, ...parts);
  }

  has(path: string): boolean {
    return attempt(() => existsSync(path), false);
  }

  get containerNode(): string {
    return this.path('dev/vfio/vfio');
  }

  get iommuNode(): string {
    return this.path('dev/iommu');
  }

  groupNode(group: IommuGroup): string {
    return this.path('dev/vfio', group.noiommu ? `noiommu-${group.number}` : `${group.number}`);
  }

  /** @param device - the name that {@link vfioDevice} returns, for example `'vfio3'` */
  deviceNode(device: string): string {
    return this.path('dev/vfio/devices', device);
  }

  device(name: string): string {
    return this.path('sys/bus/pci/devices', name);
  }

  /** Whether the kernel module of a driver is loaded, or the driver is built into the kernel. */
  hasDriver(driver: string): boolean {
    return this.has(this.path('sys/bus/pci/drivers', driver));
  }

  list(): PciFunction[] {
    return entries(this.path('sys/bus/pci/devices'))
      .filter((name) => parseAddress(name) === name)
      .sort()
      .flatMap((name) => this.describe(name) ?? []);
  }

  /**
   * Reads the ids and the driver of a PCI function. Returns null if the function does not exist.
   */
  describe(name: string): PciFunction | null {
    const number = (file: string) => Number(readFileSync(join(this.device(name), file), 'utf8'));
    const group = this.group(name);
    return attempt(
      () => ({
        name,
        vendorId: number('vendor'),
        deviceId: number('device'),
        subsystemVendorId: number('subsystem_vendor'),
        subsystemId: number('subsystem_device'),
        classCode: number('class'),
        revision: number('revision'),
        driver: this.driver(name),
        iommuGroup: group === null || group.noiommu ? null : group.number,
      }),
      null,
    );
  }

  driver(name: string): string | null {
    return linkName(join(this.device(name), 'driver'));
  }

  group(name: string): IommuGroup | null {
    const link = linkName(join(this.device(name), 'iommu_group'));
    if (link === null) return null;
    const given = text(this.path('sys/kernel/iommu_groups', link, 'name'));
    return { number: Number(link), noiommu: given === NOIOMMU };
  }

  /** Whether an IOMMU of this machine serves a function. */
  hasGroups(): boolean {
    const groups = this.path('sys/kernel/iommu_groups');
    return entries(groups).some((group) => text(join(groups, group, 'name')) !== NOIOMMU);
  }

  /** Whether the loaded module vfio cannot open devices without an IOMMU (CONFIG_VFIO_NOIOMMU). */
  lacksNoiommu(): boolean {
    const module = this.path('sys/module/vfio');
    return this.has(module) && !this.has(join(module, 'parameters/enable_unsafe_noiommu_mode'));
  }

  members(group: IommuGroup): GroupMember[] {
    const devices = this.path('sys/kernel/iommu_groups', `${group.number}`, 'devices');
    return entries(devices)
      .sort()
      .map((name) => ({ name, driver: linkName(join(devices, name, 'driver')) }));
  }

  /**
   * Returns the name of the function's character device, for example `'vfio3'`. Returns null if no
   * VFIO driver is bound to the function.
   */
  vfioDevice(name: string): string | null {
    return entries(join(this.device(name), 'vfio-dev'))[0] ?? null;
  }

  /** Returns the physical function of a VF, or null if the function is not a VF. */
  physicalFunction(name: string): string | null {
    return linkName(join(this.device(name), 'physfn'));
  }

  /** Whether a function can have virtual functions (SR-IOV). */
  isPhysicalFunction(name: string): boolean {
    return this.has(join(this.device(name), 'sriov_totalvfs'));
  }

  /** Returns the IOMMU of a function, and whether type1 or iommufd allows unsafe interrupts. */
  iommu(name: string): IommuFacts {
    const unsafe = ['vfio_iommu_type1', 'iommufd'].some(
      (module) =>
        text(this.path('sys/module', module, 'parameters/allow_unsafe_interrupts')) === 'Y',
    );
    return { name: linkName(join(this.device(name), 'iommu')), unsafeInterrupts: unsafe };
  }

  /**
   * Returns the IOVAs that the devices of this machine cannot use for memory, such as the addresses of
   * interrupt messages. Regions of the type `direct` are not included, because the firmware reserves
   * these regions for single devices.
   */
  reservedRegions(): IovaRange[] {
    const groups = this.path('sys/kernel/iommu_groups');
    const lines = new Set(
      tolerate(() => entries(groups), []).flatMap((group) => {
        const regions = tolerate(() => text(join(groups, group, 'reserved_regions')), null);
        return (regions ?? '').split('\n');
      }),
    );
    return [...lines].flatMap((line) => {
      const [, start, end] = /^(0x[\da-f]+) (0x[\da-f]+) (?:msi|reserved)$/.exec(line) ?? [];
      return start === undefined || end === undefined
        ? []
        : [{ start: BigInt(start), end: BigInt(end) }];
    });
  }

  /**
   * Returns the number of bytes that this process is allowed to pin. Returns null if there is no
   * limit, or if the limit cannot be read.
   */
  memlockLimit(): bigint | null {
    const limits = tolerate(() => text(this.path('proc/self/limits')), null) ?? '';
    const soft = /^Max locked memory\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? null : BigInt(soft);
  }

  /**
   * Returns the number of memory areas of this process, and the largest number that the kernel
   * allows (vm.max_map_count). Returns null if the files cannot be read.
   */
  memoryAreas(): { readonly count: number; readonly limit: number } | null {
    return tolerate(() => {
      const limit = Number(readFileSync(this.path('proc/sys/vm/max_map_count'), 'latin1'));
      const maps = readFileSync(this.path('proc/self/maps'));
      let count = 0;
      for (let end = maps.indexOf(NEWLINE); end >= 0; end = maps.indexOf(NEWLINE, end + 1)) count++;
      return { count, limit };
    }, null);
  }
}

function entries(folder: string): string[] {
  return attempt(() => readdirSync(folder), []);
}

function linkName(link: string): string | null {
  return attempt(() => basename(readlinkSync(link)), null);
}

function text(file: string): string | null {
  return attempt(() => readFileSync(file, 'utf8').trim(), null);
}
