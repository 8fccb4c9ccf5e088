import { basename } from 'node:path';
import type { GroupMember, IommuGroup, Sysfs } from './sysfs.js';

/**
 * Functions that return hints for the most frequent failures. Each hint contains names and numbers
 * of this machine. The causes of the failures were collected from the issue trackers of other VFIO
 * programs. The errno values were taken from the source of the kernel.
 */

/**
 * Whether the driver of a device prevents VFIO from using the device's IOMMU group. VFIO drivers,
 * pcieport and pci-stub do not prevent VFIO from using the group, because these drivers set
 * `driver_managed_dma` in the kernel.
 */
function blocksVfio(member: GroupMember): boolean {
  const { driver } = member;
  return driver !== null && driver !== 'pcieport' && driver !== 'pci-stub' && !isVfio(driver);
}

/**
 * Whether a driver is vfio-pci or a vendor's variant of vfio-pci, for example mlx5_vfio_pci or
 * nvgrace-gpu-vfio-pci.
 */
export function isVfio(driver: string): boolean {
  return driver.includes('vfio');
}

/** Lists the devices in a group whose drivers prevent VFIO from using the group. */
export function findBlockers(sysfs: Sysfs, group: IommuGroup): GroupMember[] {
  return sysfs.members(group).filter(blocksVfio);
}

export function notViable(sysfs: Sysfs, group: IommuGroup): string {
  const blockers = findBlockers(sysfs, group);
  if (blockers.length === 0) {
    return `A host driver uses a device of IOMMU group ${group.number}. 'ls /sys/kernel/iommu_groups/${group.number}/devices' lists the devices.`;
  }
  const names = blockers.map(({ name, driver }) => `${name} (${driver ?? ''})`).join(', ');
  const commands = blockers.map((member) => `'${freeMember(sysfs, group, member)}'`).join(', ');
  return `Host drivers use ${names}. A program needs every device of IOMMU group ${group.number}. Bind the other devices to vfio-pci too, or unbind their drivers (${commands}). PCI bridges can keep the driver pcieport.`;
}

/**
 * Returns the command that unbinds the host driver from a device in the group. `vfio bind` refuses
 * bridges (class 06xx) and devices that are not on a PCI bus. For these devices, the command
 * unbinds the driver by a write to sysfs.
 */
export function freeMember(sysfs: Sysfs, group: IommuGroup, { name }: GroupMember): string {
  const found = sysfs.describe(name);
  if (found !== null && found.classCode >> 16 !== 0x06) return `vfio bind ${name}`;
  return `echo ${name} > /sys/kernel/iommu_groups/${group.number}/devices/${name}/driver/unbind`;
}

export function notBound(sysfs: Sysfs, name: string): string {
  return `${loadDriver(sysfs)}Bind the device as root: 'vfio bind ${name}', or by hand: '${bindByHand(sysfs, name)}'.`;
}

function loadDriver(sysfs: Sysfs): string {
  return sysfs.hasDriver('vfio-pci') ? '' : "Load the driver: 'modprobe vfio-pci'. ";
}

function bindByHand(sysfs: Sysfs, name: string): string {
  const device = `/sys/bus/pci/devices/${name}`;
  const unbind = sysfs.driver(name) === null ? '' : `echo ${name} > ${device}/driver/unbind; `;
  return `echo vfio-pci > ${device}/driver_override; ${unbind}echo ${name} > /sys/bus/pci/drivers_probe`;
}

export function noIommu(sysfs: Sysfs, name: string): string {
  if (sysfs.hasGroups()) {
    return `${name} has no IOMMU group, although other functions have one. The IOMMU is on, but does not serve this function. Use another function, or another slot for the card.`;
  }
  const fix =
    process.arch === 'arm64'
      ? "Turn on the SMMU in the firmware's settings. A virtual machine needs a virtual SMMU (in QEMU: -machine virt,gic-version=3,iommu=smmuv3)."
      : "Turn on VT-d or AMD-Vi in the firmware's settings, and boot Linux with 'intel_iommu=on' (Intel) or without 'amd_iommu=off' (AMD). A virtual machine needs a virtual IOMMU.";
  return `${name} has no IOMMU group. ${fix} 'vfio doctor' checks these settings.`;
}

/**
 * The hint for a program that opens a device without an IOMMU. Only a program can use the option
 * `noiommu`, because the command `vfio` has no such option.
 */
export function noIommuToOpen(sysfs: Sysfs, name: string): string {
  if (sysfs.lacksNoiommu()) return noIommu(sysfs, name);
  return `${noIommu(sysfs, name)} With the option noiommu: true of openDevice(), a program can open the device without an IOMMU. Without an IOMMU, the device can overwrite all memory of the host.`;
}

export function noNoiommu(sysfs: Sysfs, name: string): string {
  if (sysfs.lacksNoiommu()) {
    return `${noIommu(sysfs, name)} Without an IOMMU, this kernel cannot give the device to a program, because it was built without CONFIG_VFIO_NOIOMMU.`;
  }
  return `Without an IOMMU, vfio-pci binds a device only in unsafe mode. Turn on unsafe mode as root: 'echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode'. ${loadDriver(sysfs)}Bind the device by hand as root: '${bindByHand(sysfs, name)}'.`;
}

export function noNode(path: string): string {
  return `The device is bound, but its node ${path} is missing. If the program runs in a container, start the container with '--device ${path}'. Outside of a container, check that udev runs or devtmpfs is mounted.`;
}

export function noContainer(path: string): string {
  return `The kernel was built without groups (CONFIG_VFIO_GROUP, CONFIG_VFIO_CONTAINER), or the module is not loaded: 'modprobe vfio_iommu_type1'. If the program runs in a container, start the container with '--device ${path}'.`;
}

export function noIommufd(path: string): string {
  return `A character device needs the node ${path} and Linux 6.6 with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV ('modprobe iommufd'). To use the group instead, remove VFIO_VIA=cdev and the option via: 'cdev' of openDevice().`;
}

export function notPermitted(path: string): string {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) {
    return `Root has no permission to open ${path}. In a container, the node may be missing in the device list: start the container with '--device ${path}'. For a group without an IOMMU, the process needs CAP_SYS_RAWIO.`;
  }
  return `User ${uid} has no permission to open ${path}. Change the owner: 'sudo chown ${uid} ${path}'. For a permanent change, add the udev rule '${udevMatch(path)}, GROUP="vfio", MODE="0660"' and add the user to the group vfio.`;
}

/**
 * Returns the part of a udev rule that matches a device node. The nodes of groups have the device
 * class `vfio`, and the nodes of VFIO devices have the class `vfio-dev`. All other nodes are misc
 * devices.
 */
function udevMatch(path: string): string {
  if (path.includes('/vfio/devices/')) return 'SUBSYSTEM=="vfio-dev"';
  return /\d$/.test(path) ? 'SUBSYSTEM=="vfio"' : `KERNEL=="${basename(path)}"`;
}

export function groupBusy(path: string): string {
  return `A group can have only one opener at a time. Another process or worker has opened ${path}, or has opened the device through the other interface (VFIO_VIA). 'fuser -v ${path}' lists the processes.`;
}

export function noType1(): string {
  return "The IOMMU driver of VFIO is not loaded: 'modprobe vfio_iommu_type1'.";
}

export function unsafeInterrupts(module: 'vfio_iommu_type1' | 'iommufd'): string {
  const fix =
    process.arch === 'arm64'
      ? 'The interrupt controller needs an ITS (in QEMU: -machine virt,gic-version=3).'
      : 'Turn on interrupt remapping in the firmware settings (in QEMU: intremap=on).';
  return `The machine does not isolate the interrupts of its devices. ${fix} If you trust the device, you can allow unsafe interrupts as root: 'echo 1 > /sys/module/${module}/parameters/allow_unsafe_interrupts'.`;
}

/**
 * Explains EPERM of VFIO_DEVICE_BIND_IOMMUFD. Either the group has two owners, or the machine
 * does not isolate the interrupts of its devices.
 */
export function bindNotPermitted(sysfs: Sysfs, group: IommuGroup): string {
  if (findBlockers(sysfs, group).length > 0) return notViable(sysfs, group);
  const shared = sysfs.members(group).length > 1;
  const other = ` Another possible cause: another process has opened a device of IOMMU group ${group.number}.`;
  return unsafeInterrupts('iommufd') + (shared ? other : '');
}

/** Explains how a program passes a VF token, and how a user passes a VF token to a command. */
const PASS_TOKEN =
  'A program passes the UUID as the option vfToken of openDevice(). The command vfio accepts --vf-token and VFIO_VF_TOKEN';

export function tokenRefused(sysfs: Sysfs, name: string, given: boolean): string {
  const owner = sysfs.physicalFunction(name) ?? 'the physical function';
  return given
    ? `The VF token differs from the token of ${name}: pass the UUID with which ${owner} was opened.`
    : `${name} needs a VF token: pass the UUID with which ${owner} was opened. ${PASS_TOKEN}.`;
}

/** The hint that `vfio doctor` shows for a VF if the physical function is bound to vfio-pci. */
export function tokenNeeded(owner: string): string {
  return `pass the UUID with which ${owner} was opened. ${PASS_TOKEN}`;
}

export function tokenUnwanted(name: string): string {
  return `${name} does not accept a VF token: omit vfToken and --vf-token. On kernels up to 6.12, a character device never accepts a VF token.`;
}

export function bindRefused(name: string): string {
  return `${name} is already open through another file descriptor, or the given file descriptors were used before. A character device can be bound only once. If both causes can be excluded, the IOMMU lacks cache-coherent DMA.`;
}

export function resetContended(name: string): string {
  return `Another device on the bus of ${name} was being reset. Try again.`;
}

export function memlock(sysfs: Sysfs, size: bigint, mapped: bigint): string | undefined {
  const limit = sysfs.memlockLimit();
  if (limit === null) return undefined;
  const needed = size + mapped;
  return `${mapped} bytes are mapped, and ${size} more bytes need a locked-memory limit of at least ${needed} bytes. The limit RLIMIT_MEMLOCK is ${limit} bytes. Raise the limit with 'prlimit --pid ${process.pid} --memlock=${needed}' as root, with 'ulimit -l', with LimitMEMLOCK= of a service, or with '--ulimit memlock=-1' of a container.`;
}

export function memoryAreas(limit: number): string {
  return `Use fewer and larger buffers, and divide a buffer in the program. The limit of the host can be raised as root: 'sysctl vm.max_map_count=${2 * limit}'.`;
}

export function noMoreMappings(): string {
  return "The VFIO container has reached its maximum number of mappings. Map fewer and larger buffers, or raise 'dma_entry_limit' of the module vfio_iommu_type1.";
}

export function iovaOutside(ranges: readonly { start: bigint; end: bigint }[]): string {
  const list = ranges.map(({ start, end }) => `0x${start.toString(16)}-0x${end.toString(16)}`);
  return `The IOMMU maps only whole pages. The allowed IOVA ranges are ${list.join(', ')}.`;
}

export function hugePagePool(pageSize: number): string {
  return `/sys/kernel/mm/hugepages/hugepages-${pageSize / 1024}kB/nr_hugepages`;
}

export function hugePages(pageSize: number, size: number): string {
  return `The pool has fewer than ${size / pageSize} free huge pages of ${pageSize} bytes. Enlarge the pool as root: 'echo ${size / pageSize} > ${hugePagePool(pageSize)}'.`;
}

export function noDma(): string {
  return 'Without an IOMMU, no memory can be mapped for DMA. The device would need physical addresses, but this library does not provide physical addresses.';
}

export function noPasid(): string {
  return "PASIDs are available only through the character device. Open the device with the option via: 'cdev'.";
}

export function noHostInterrupt(name: string): string {
  return `A vector has a host interrupt only while an eventfd is bound to the vector. Check 'grep ${name} /proc/interrupts'.`;
}

export function affinityRefused(path: string): string {
  return `Only root has permission to write ${path}. The CPUs must be online. An interrupt that the kernel manages cannot be moved to other CPUs.`;
}
