import { basename } from 'node:path';
import type { GroupMember, IommuGroup, Sysfs } from './sysfs.js';

/**
 * Functions that return hints for the most frequent failures. Each hint contains the actual names
 * and numbers on this machine. The causes of the failures were collected from the issue trackers of
 * other VFIO programs. The errno values were taken from the source of the kernel.
 */

/**
 * Whether the driver of one device prevents VFIO from using the device's IOMMU group. The VFIO
 * drivers and the drivers pcieport and pci-stub do not prevent VFIO from using the group. In the
 * kernel, these drivers set driver_managed_dma.
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
    return `A host driver uses a device of IOMMU group ${group.number}; see 'ls /sys/kernel/iommu_groups/${group.number}/devices'.`;
  }
  const names = blockers.map(({ name, driver }) => `${name} (${driver ?? ''})`).join(', ');
  const commands = blockers.map((member) => `'${freeMember(sysfs, group, member)}'`).join(', ');
  return `Host drivers use ${names}. A program needs every device of IOMMU group ${group.number}. Bind the other devices to vfio-pci too, or unbind their drivers (${commands}). PCI bridges can keep their driver (pcieport).`;
}

/**
 * Returns the command that unbinds the host driver from a device in the group. `vfio bind` accepts
 * neither a bridge (class 06xx) nor a device that is not on a PCI bus. For these devices, the user
 * must unbind the driver by hand.
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

export function noIommu(name: string): string {
  return `${name} has no IOMMU group. Turn on VT-d or AMD-Vi in the firmware's settings, and boot Linux with 'intel_iommu=on' (Intel) or without 'amd_iommu=off' (AMD). A virtual machine needs a virtual IOMMU. 'vfio doctor' checks these settings.`;
}

/**
 * The hint for a program that opens a device without an IOMMU. With the option noiommu, a program
 * can open a device without an IOMMU. The command line has no such option.
 */
export function noIommuToOpen(name: string): string {
  return `${noIommu(name)} With the option noiommu: true of openDevice(), a program can open the device without an IOMMU. The device can then overwrite all memory of the host.`;
}

export function noNoiommu(sysfs: Sysfs, name: string): string {
  return `Without an IOMMU, vfio-pci binds a device only in unsafe mode. Turn on unsafe mode as root: 'echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode'. ${loadDriver(sysfs)}Bind the device by hand as root: '${bindByHand(sysfs, name)}'.`;
}

export function noNode(path: string): string {
  return `The device is bound, but its node ${path} is missing. If the program runs in a container, start the container with '--device ${path}'. Otherwise check that udev or devtmpfs runs.`;
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
    return `Root may not open ${path}. Either the device list of the container lacks the node (start the container with '--device ${path}'), or the group has no IOMMU and the process lacks CAP_SYS_RAWIO.`;
  }
  return `User ${uid} may not open ${path}. Change the owner: 'sudo chown ${uid} ${path}'. For a permanent change, add the udev rule '${udevMatch(path)}, GROUP="vfio", MODE="0660"' and make the user a member of that group.`;
}

/**
 * Returns the part of a udev rule that matches a device node. The nodes of groups and VFIO devices
 * belong to their own device classes. All other nodes are misc devices.
 */
function udevMatch(path: string): string {
  if (path.includes('/vfio/devices/')) return 'SUBSYSTEM=="vfio-dev"';
  return /\d$/.test(path) ? 'SUBSYSTEM=="vfio"' : `KERNEL=="${basename(path)}"`;
}

export function groupBusy(path: string): string {
  return `A group has one opener at a time. Another process or worker has ${path} open, or has opened the device by the other interface (VFIO_VIA). 'fuser -v ${path}' lists the processes.`;
}

export function noType1(): string {
  return "The IOMMU driver of VFIO is not loaded: 'modprobe vfio_iommu_type1'.";
}

export function unsafeInterrupts(module: 'vfio_iommu_type1' | 'iommufd'): string {
  return `The machine does not isolate interrupts of devices. Turn on interrupt remapping in the firmware settings (in QEMU: intremap=on). If you trust the device, you can allow unsafe interrupts as root: 'echo 1 > /sys/module/${module}/parameters/allow_unsafe_interrupts'.`;
}

/**
 * VFIO_DEVICE_BIND_IOMMUFD fails with EPERM if the group has two owners, or if the interrupts of
 * the device are not isolated.
 */
export function bindNotPermitted(sysfs: Sysfs, group: IommuGroup): string {
  if (findBlockers(sysfs, group).length > 0) return notViable(sysfs, group);
  const shared = sysfs.members(group).length > 1;
  const other = ` Another possible cause: another process has a device of IOMMU group ${group.number} open.`;
  return unsafeInterrupts('iommufd') + (shared ? other : '');
}

/** How a program passes a VF token, and how the user passes a VF token to a command. */
const PASS_TOKEN =
  'as the option vfToken of openDevice(), or to vfio as --vf-token or VFIO_VF_TOKEN';

export function tokenRefused(sysfs: Sysfs, name: string, given: boolean): string {
  const owner = sysfs.physicalFunction(name) ?? 'the physical function';
  return given
    ? `The VF token differs from the token of ${name}: pass the UUID with which ${owner} was opened.`
    : `${name} needs a VF token: pass the UUID with which ${owner} was opened, ${PASS_TOKEN}.`;
}

/** The hint that `vfio doctor` shows for a VF if the physical function is bound to vfio-pci. */
export function tokenNeeded(owner: string): string {
  return `pass the UUID with which ${owner} was opened, ${PASS_TOKEN}`;
}

export function tokenUnwanted(name: string): string {
  return `${name} does not accept a VF token: omit vfToken and --vf-token. (A character device accepts a VF token only on kernels newer than 6.12.)`;
}

export function bindRefused(name: string): string {
  return `${name} is already open through another file descriptor, or the given file descriptors were used before. A character device can be bound only once. If both causes can be excluded, the IOMMU lacks cache-coherent DMA.`;
}

export function resetContended(name: string): string {
  return `Another device on the bus of ${name} was being reset: try again.`;
}

export function memlock(sysfs: Sysfs, size: bigint, mapped: bigint): string | undefined {
  const limit = sysfs.memlockLimit();
  if (limit === null) return undefined;
  const needed = size + mapped;
  return `Mapping ${size} bytes, with ${mapped} mapped already, needs a locked-memory limit of at least ${needed} bytes. RLIMIT_MEMLOCK is ${limit} bytes. Raise the limit with 'prlimit --pid ${process.pid} --memlock=${needed}' as root, with 'ulimit -l', with LimitMEMLOCK= of a service, or with '--ulimit memlock=-1' of a container.`;
}

export function noMoreMappings(): string {
  return "The VFIO container has reached its maximum number of mappings. Map fewer and larger buffers, or raise 'dma_entry_limit' of the module vfio_iommu_type1.";
}

export function iovaOutside(ranges: readonly { start: bigint; end: bigint }[]): string {
  const list = ranges.map(({ start, end }) => `0x${start.toString(16)}-0x${end.toString(16)}`);
  return `The IOMMU can map only whole pages, and only at IOVAs in the ranges ${list.join(', ')}.`;
}

export function hugePagePool(pageSize: number): string {
  return `/sys/kernel/mm/hugepages/hugepages-${pageSize / 1024}kB/nr_hugepages`;
}

export function hugePages(pageSize: number, size: number): string {
  return `The pool has fewer than ${size / pageSize} free huge pages of that size. Enlarge the pool as root: 'echo ${size / pageSize} > ${hugePagePool(pageSize)}'.`;
}

export function noDma(): string {
  return 'Without an IOMMU, no memory can be mapped. The device would need physical addresses, and this library provides no physical addresses.';
}

export function noPasid(): string {
  return "PASIDs need the character device. Open the device with the option via: 'cdev'.";
}

export function noHostInterrupt(name: string): string {
  return `A vector has a host interrupt only while an eventfd is bound to the vector. Check 'grep ${name} /proc/interrupts'.`;
}

export function affinityRefused(path: string): string {
  return `Only root may write ${path}. The CPUs must be online, and a managed interrupt of the kernel cannot be moved to other CPUs.`;
}
