import { basename } from 'node:path';
import type { GroupMember, IommuGroup, Sysfs } from './sysfs.js';

/**
 * Hints for the most frequent failures, with the names and numbers of this machine. The causes come
 * from the issue trackers of other VFIO programs, the errno from the kernel's source.
 */

/**
 * Whether a group member's driver keeps VFIO from the group. VFIO's drivers, pcieport and pci-stub
 * do not, since they leave DMA to VFIO (driver_managed_dma in the kernel).
 */
function blocksVfio(member: GroupMember): boolean {
  const { driver } = member;
  return driver !== null && driver !== 'pcieport' && driver !== 'pci-stub' && !isVfio(driver);
}

/** Whether a driver is vfio-pci or a vendor's variant: mlx5_vfio_pci, nvgrace-gpu-vfio-pci. */
export function isVfio(driver: string): boolean {
  return driver.includes('vfio');
}

/** Lists the members whose driver keeps VFIO from the group. */
export function findBlockers(sysfs: Sysfs, group: IommuGroup): GroupMember[] {
  return sysfs.members(group).filter(blocksVfio);
}

export function notViable(sysfs: Sysfs, group: IommuGroup): string {
  const blockers = findBlockers(sysfs, group);
  if (blockers.length === 0) {
    return `A host driver uses a device of IOMMU group ${group.number}; see 'ls /sys/kernel/iommu_groups/${group.number}/devices'.`;
  }
  const names = blockers.map(({ name, driver }) => `${name} (${driver ?? ''})`).join(', ');
  const commands = blockers.map(({ name }) => `'vfio bind ${name}'`).join(', ');
  return `Host drivers use ${names}. A program needs every device of IOMMU group ${group.number}: bind these to vfio-pci too (${commands}), or unbind them. PCI bridges (pcieport) can stay bound.`;
}

export function notBound(sysfs: Sysfs, name: string): string {
  return `${loadDriver(sysfs)}Bind the device as root: 'vfio bind ${name}', or by hand '${bindByHand(sysfs, name)}'.`;
}

function loadDriver(sysfs: Sysfs): string {
  return sysfs.hasDriver('vfio-pci') ? '' : "Load the driver: 'modprobe vfio-pci'. ";
}

function bindByHand(sysfs: Sysfs, name: string): string {
  const device = `/sys/bus/pci/devices/${name}`;
  const unbind = sysfs.driver(name) === null ? '' : `echo ${name} > ${device}/driver/unbind; `;
  return `echo vfio-pci > ${device}/driver_override; ${unbind}echo ${name} > /sys/bus/pci/drivers_probe`;
}

export function noIommu(name: string): string {
  return `${name} has no IOMMU group. Turn on VT-d or AMD-Vi in the firmware's settings, and boot Linux with 'intel_iommu=on' (Intel) or without 'amd_iommu=off' (AMD). A virtual machine needs a virtual IOMMU. 'vfio doctor' checks these settings.`;
}

/** The hint for a program, which may open a device without an IOMMU; the command line may not. */
export function noIommuToOpen(name: string): string {
  return `${noIommu(name)} A program can open the device without an IOMMU by the option noiommu: true of openDevice(); the device can then overwrite all memory of the host.`;
}

export function noNoiommu(sysfs: Sysfs, name: string): string {
  return `Without an IOMMU, vfio-pci binds a device only in unsafe mode: 'echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode' as root. ${loadDriver(sysfs)}Bind the device by hand, as root: '${bindByHand(sysfs, name)}'.`;
}

export function noNode(path: string): string {
  return `The device is bound, but its node ${path} is missing. In a container, pass the node in ('--device ${path}'). Otherwise check that udev or devtmpfs runs.`;
}

export function noContainer(path: string): string {
  return `The kernel was built without groups (CONFIG_VFIO_GROUP, CONFIG_VFIO_CONTAINER), or the module is not loaded: 'modprobe vfio_iommu_type1'. In a container, pass the node in ('--device ${path}').`;
}

export function noIommufd(path: string): string {
  return `A character device needs Linux 6.6 with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV ('modprobe iommufd'), and ${path}. Without VFIO_VIA=cdev and the option via: 'cdev' of openDevice(), the library uses the group.`;
}

export function notPermitted(path: string): string {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) {
    return `Root may not open ${path}: the container's device list lacks the node ('--device ${path}'), or the group has no IOMMU and CAP_SYS_RAWIO is missing.`;
  }
  return `User ${uid} may not open ${path}: 'sudo chown ${uid} ${path}'. For a permanent change, add the udev rule '${udevMatch(path)}, GROUP="vfio", MODE="0660"' and make the user a member of that group.`;
}

/**
 * Returns the match of a udev rule: groups and devices have classes, other nodes are misc devices.
 */
function udevMatch(path: string): string {
  if (path.includes('/vfio/devices/')) return 'SUBSYSTEM=="vfio-dev"';
  return /\d$/.test(path) ? 'SUBSYSTEM=="vfio"' : `KERNEL=="${basename(path)}"`;
}

export function groupBusy(path: string): string {
  return `A group has one opener at a time: another process or worker has ${path} open, or opened the device by the other interface (VFIO_VIA). 'fuser -v ${path}' lists the processes.`;
}

export function noType1(): string {
  return "The IOMMU driver of VFIO is not loaded: 'modprobe vfio_iommu_type1'.";
}

export function unsafeInterrupts(module: 'vfio_iommu_type1' | 'iommufd'): string {
  return `The machine does not isolate interrupts of devices. Turn on interrupt remapping (firmware settings; for QEMU intremap=on). To trust the device instead: 'echo 1 > /sys/module/${module}/parameters/allow_unsafe_interrupts' as root.`;
}

/** VFIO_DEVICE_BIND_IOMMUFD: EPERM for a group with two owners, and for unsafe interrupts. */
export function bindNotPermitted(sysfs: Sysfs, group: IommuGroup): string {
  if (findBlockers(sysfs, group).length > 0) return notViable(sysfs, group);
  const shared = sysfs.members(group).length > 1;
  const other = ` Or another process has a device of IOMMU group ${group.number} open.`;
  return unsafeInterrupts('iommufd') + (shared ? other : '');
}

export function tokenRefused(name: string, given: boolean): string {
  return given
    ? `The VF token does not match that of ${name}: pass the UUID with which the physical function was opened.`
    : `${name} needs a VF token: pass the UUID with which the physical function was opened as the option vfToken of openDevice().`;
}

export function tokenUnwanted(name: string): string {
  return `${name} does not accept a VF token: omit vfToken. (A character device accepts a VF token only on kernels newer than 6.12.)`;
}

export function bindRefused(name: string): string {
  return `${name} is already open through another file descriptor, or the given file descriptors were bound before: a character device is bound once. If neither is the case, the IOMMU lacks cache-coherent DMA.`;
}

export function resetContended(name: string): string {
  return `Another device on the bus of ${name} was being reset: try again.`;
}

export function memlock(sysfs: Sysfs, size: bigint, mapped: bigint): string | undefined {
  const limit = sysfs.memlockLimit();
  if (limit === null) return undefined;
  const needed = size + mapped;
  return `Mapping ${size} bytes, with ${mapped} mapped already, needs a locked-memory limit of at least ${needed} bytes; RLIMIT_MEMLOCK is ${limit}. Raise the limit: 'prlimit --pid ${process.pid} --memlock=${needed}' as root, 'ulimit -l', LimitMEMLOCK= of a service, '--ulimit memlock=-1' of a container.`;
}

export function noMoreMappings(): string {
  return "The container has no mapping left: map fewer, larger buffers, or raise 'dma_entry_limit' of the module vfio_iommu_type1.";
}

export function iovaOutside(ranges: readonly { start: bigint; end: bigint }[]): string {
  const list = ranges.map(({ start, end }) => `0x${start.toString(16)}-0x${end.toString(16)}`);
  return `The IOMMU maps whole pages at IOVAs within ${list.join(', ')}.`;
}

export function hugePagePool(pageSize: number): string {
  return `/sys/kernel/mm/hugepages/hugepages-${pageSize / 1024}kB/nr_hugepages`;
}

export function hugePages(pageSize: number, size: number): string {
  return `The pool has fewer than ${size / pageSize} free huge pages of that size: 'echo ${size / pageSize} > ${hugePagePool(pageSize)}' as root.`;
}

export function noDma(): string {
  return 'Without an IOMMU, no memory can be mapped: the device needs physical addresses, which this library does not provide.';
}

export function noPasid(): string {
  return "PASIDs need the character device: via: 'cdev'.";
}

export function noHostInterrupt(name: string): string {
  return `A vector has a host interrupt while an eventfd is bound to it; see 'grep ${name} /proc/interrupts'.`;
}

export function affinityRefused(path: string): string {
  return `Only root may write ${path}, the CPUs must be online, and a managed interrupt of the kernel cannot be moved.`;
}
