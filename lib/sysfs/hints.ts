import { basename } from 'node:path';
import type { GroupMember, IommuGroup, Sysfs } from './sysfs.js';

/**
 * What to do about the failures users meet most, with the real names and numbers in it. The
 * causes: research over the issue trackers of other VFIO programs; the errno: kernel sources.
 */

/** Drivers that leave DMA of a group to VFIO (driver_managed_dma in the kernel). */
function inTheWay(member: GroupMember): boolean {
  const { driver } = member;
  return driver !== null && driver !== 'pcieport' && driver !== 'pci-stub' && !isVfio(driver);
}

/** vfio-pci and the variants of it that vendors make: mlx5_vfio_pci, nvgrace-gpu-vfio-pci. */
export function isVfio(driver: string): boolean {
  return driver.includes('vfio');
}

export function membersInTheWay(sysfs: Sysfs, group: IommuGroup): GroupMember[] {
  return sysfs.members(group).filter(inTheWay);
}

export function notViable(sysfs: Sysfs, group: IommuGroup): string {
  const way = membersInTheWay(sysfs, group);
  if (way.length === 0) {
    return `A driver of the host uses a device of IOMMU group ${group.number}; see 'ls /sys/kernel/iommu_groups/${group.number}/devices'.`;
  }
  const names = way.map(({ name, driver }) => `${name} (${driver ?? ''})`).join(', ');
  const commands = way.map(({ name }) => `'vfio bind ${name}'`).join(', ');
  return `In the way: ${names}. All devices of IOMMU group ${group.number} go to the program together: bind these to vfio-pci too (${commands}), or unbind them. PCI bridges (pcieport) can stay.`;
}

export function bindIt(sysfs: Sysfs, name: string): string {
  return `${loadIt(sysfs)}Bind it as root: 'vfio bind ${name}', or by hand '${byHand(sysfs, name)}'.`;
}

function loadIt(sysfs: Sysfs): string {
  return sysfs.hasDriver('vfio-pci') ? '' : "Load the driver: 'modprobe vfio-pci'. ";
}

function byHand(sysfs: Sysfs, name: string): string {
  const device = `/sys/bus/pci/devices/${name}`;
  const unbind = sysfs.driver(name) === null ? '' : `echo ${name} > ${device}/driver/unbind; `;
  return `echo vfio-pci > ${device}/driver_override; ${unbind}echo ${name} > /sys/bus/pci/drivers_probe`;
}

export function noIommu(name: string): string {
  return `The host gives ${name} no IOMMU group. Turn on VT-d or AMD-Vi in the firmware's settings and boot Linux with 'intel_iommu=on' (Intel) or without 'amd_iommu=off' (AMD); a virtual machine needs a virtual IOMMU. 'vfio doctor' looks at all of it.`;
}

/** Where a program could do without; the command line cannot. */
export function noIommuToOpen(name: string): string {
  return `${noIommu(name)} A program can do without by the option noiommu: true of openDevice(): then the device can overwrite all memory of the host.`;
}

export function noNoiommu(sysfs: Sysfs, name: string): string {
  return `Without an IOMMU, vfio-pci takes a device only if it may: 'echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode' as root. ${loadIt(sysfs)}Bind it by hand, as root: '${byHand(sysfs, name)}'.`;
}

export function noNode(path: string): string {
  return `The device is bound and ${path} is missing: in a container, pass it on ('--device ${path}'); else look whether udev or devtmpfs runs.`;
}

export function noContainer(path: string): string {
  return `The kernel has no group interface (CONFIG_VFIO_GROUP, CONFIG_VFIO_CONTAINER) or it is not loaded: 'modprobe vfio_iommu_type1'. In a container, pass ${path} on.`;
}

export function noIommufd(path: string): string {
  return `The character device was asked for, and the kernel has none here: it needs Linux 6.6 with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV ('modprobe iommufd'), and ${path}. Without VFIO_VIA=cdev, or the option via: 'cdev' of openDevice(), the group is used.`;
}

export function notPermitted(path: string): string {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) {
    return `Root is refused too: a container's device list lacks ${path} ('--device ${path}'), or it is a no-IOMMU group and CAP_SYS_RAWIO is missing.`;
  }
  return `User ${uid} may not open ${path}: 'sudo chown ${uid} ${path}', or for good a udev rule '${udevMatch(path)}, GROUP="vfio", MODE="0660"' and membership in that group.`;
}

/** By what udev knows a node: groups and devices are classes, the two others misc devices. */
function udevMatch(path: string): string {
  if (path.includes('/vfio/devices/')) return 'SUBSYSTEM=="vfio-dev"';
  return /\d$/.test(path) ? 'SUBSYSTEM=="vfio"' : `KERNEL=="${basename(path)}"`;
}

export function groupBusy(path: string): string {
  return `One opener at a time: another process or worker holds ${path}, or its device is open by the other way in (VFIO_VIA). 'fuser -v ${path}' names who.`;
}

export function noType1(): string {
  return "The IOMMU driver of VFIO is missing: 'modprobe vfio_iommu_type1'.";
}

export function unsafeInterrupts(module: 'vfio_iommu_type1' | 'iommufd'): string {
  return `The machine does not isolate interrupts: turn on interrupt remapping (firmware settings; for QEMU intremap=on). To trust the device instead: 'echo 1 > /sys/module/${module}/parameters/allow_unsafe_interrupts' as root.`;
}

/** BIND refuses a group with two owners by EPERM, as it does for interrupts. */
export function bindNotPermitted(sysfs: Sysfs, group: IommuGroup): string {
  if (membersInTheWay(sysfs, group).length > 0) return notViable(sysfs, group);
  const shared = sysfs.members(group).length > 1;
  const other = ` Or another process has a device of IOMMU group ${group.number}.`;
  return unsafeInterrupts('iommufd') + (shared ? other : '');
}

export function tokenRefused(name: string, given: boolean): string {
  return given
    ? `The VF token given is not the one that guards ${name}: it is set by who opened the physical function.`
    : `${name} is guarded by a VF token: give the UUID that the physical function was opened with as the option vfToken of openDevice().`;
}

export function tokenUnwanted(name: string): string {
  return `A VF token was given and ${name} takes none: leave vfToken away. (A character device takes one only on kernels newer than 6.12.)`;
}

export function bindRefused(name: string): string {
  return `${name} is open already through another file descriptor, or given file descriptors were bound before: a character device is bound once. Without that, its IOMMU lacks cache coherent DMA.`;
}

export function resetContended(name: string): string {
  return `Another device on the bus of ${name} was being reset: try again.`;
}

export function memlock(sysfs: Sysfs, size: bigint, mapped: bigint): string | undefined {
  const limit = sysfs.memlockLimit();
  if (limit === null) return undefined;
  const needed = size + mapped;
  return `Mapping ${size} bytes, with ${mapped} mapped already, needs a limit of locked memory of at least ${needed} bytes; RLIMIT_MEMLOCK is ${limit}. Raise it: 'prlimit --pid ${process.pid} --memlock=${needed}' as root, 'ulimit -l', LimitMEMLOCK= of a service, '--ulimit memlock=-1' of a container.`;
}

export function noMoreMappings(): string {
  return "The container has no entry left: map fewer, larger pieces, or raise 'dma_entry_limit' of the module vfio_iommu_type1.";
}

export function iovaOutside(ranges: readonly { start: bigint; end: bigint }[]): string {
  const list = ranges.map(({ start, end }) => `0x${start.toString(16)}-0x${end.toString(16)}`);
  return `The IOMMU takes whole pages at IOVAs within ${list.join(', ')}.`;
}

export function hugePagePool(pageSize: number): string {
  return `/sys/kernel/mm/hugepages/hugepages-${pageSize / 1024}kB/nr_hugepages`;
}

export function hugePages(pageSize: number, size: number): string {
  return `Fewer than ${size / pageSize} pages of that size are reserved and free: 'echo ${size / pageSize} > ${hugePagePool(pageSize)}' as root.`;
}

export function noDma(): string {
  return 'Without an IOMMU nothing can be mapped: the device is given physical addresses, which this library does not provide.';
}

export function noPasid(): string {
  return "PASIDs need the character device: via: 'cdev'.";
}

export function noHostInterrupt(name: string): string {
  return `A vector has a host interrupt while an eventfd is bound to it; see 'grep ${name} /proc/interrupts'.`;
}

export function affinityRefused(path: string): string {
  return `Only root may write ${path}, CPUs must be online, and an interrupt that the kernel manages stays where it is.`;
}
