import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KernelBackend } from '../../lib/backend/kernel/index.js';
import { Sysfs } from '../../lib/sysfs/sysfs.js';
import { VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX } from '../../lib/contract/uapi.js';
import { deviceApi } from '../../lib/device/open.js';
import type { PciDevice } from '../../lib/index.js';
import { native, type Native } from '../../lib/native/binding.js';

const NAME = '0000:01:00.0';
const GROUP = '12';
const BAR_SIZE = 2 ** 20;
const CONFIG_SIZE = 4096;
const FLAGS_READ_WRITE_MMAP = 7;
/** VFIO_IRQ_INFO_EVENTFD without NORESIZE. */
const IRQ_FLAGS = 1;

/** A device of the library. The benchmark answers the ioctls of the device. */
export interface Bench {
  readonly device: PciDevice;
  /**
   * File descriptor of the file that replaces the device file. The file contains BAR 0, followed by
   * configuration space.
   */
  readonly fd: number;
  readonly configOffset: number;
  close(): void;
}

/**
 * Opens a device of the kernel back end without /dev/vfio. A folder replaces sysfs. A file in
 * memory replaces the device file. The ioctls succeed. Mappings, pread, eventfds, event sets, the
 * event loop and DMA memory work in the same way as with a real device.
 *
 * @param vectors - number of MSI-X vectors
 * @param answers - functions that replace the default answers of ioctls
 */
export function openBench(vectors: number, answers: Partial<Native> = {}): Bench {
  const root = mkdtempSync(join(tmpdir(), 'vfio-bench-'));
  const memory = mkdtempSync(join('/dev/shm', 'vfio-bench-'));
  const file = join(memory, 'device');
  const fd = openSync(file, 'w+');
  ftruncateSync(fd, BAR_SIZE + CONFIG_SIZE);
  createSysfs(root);
  const addon = () => Object.assign(native(), ioctls(vectors, file), answers);
  const { openDeviceSync } = deviceApi([new KernelBackend(new Sysfs(root), addon)]);
  const device = openDeviceSync(NAME, { via: 'group' });
  return {
    device,
    fd,
    configOffset: BAR_SIZE,
    close: () => {
      device.close();
      closeSync(fd);
      for (const folder of [root, memory]) rmSync(folder, { recursive: true });
    },
  };
}

/** Creates the sysfs files that the back end reads to open a device. */
function createSysfs(root: string): void {
  const function_ = join(root, 'sys/bus/pci/devices', NAME);
  const group = join(root, 'sys/kernel/iommu_groups', GROUP);
  const driver = join(root, 'sys/bus/pci/drivers/vfio-pci');
  const nodes = join(root, 'dev/vfio');
  for (const folder of [function_, join(group, 'devices'), driver, nodes]) {
    mkdirSync(folder, { recursive: true });
  }
  symlinkSync(driver, join(function_, 'driver'));
  symlinkSync(group, join(function_, 'iommu_group'));
  symlinkSync(function_, join(group, 'devices', NAME));
  for (const node of ['vfio', GROUP]) writeFileSync(join(nodes, node), '');
}

function ioctls(vectors: number, file: string): Partial<Native> {
  return {
    containerGetApiVersion: () => 0,
    containerCheckExtension: () => 1,
    containerSetIommu: () => undefined,
    containerGetInfo: () => ({
      pageSizes: 0xffff_ffff_ffff_f000n,
      ranges: [0n, 0x7f_ffff_ffffn],
      dmaAvailable: 65535,
    }),
    containerMapDma: () => undefined,
    containerUnmapDma: (_fd, _flags, _iova, size) => size,
    groupGetStatus: () => 1,
    groupSetContainer: () => undefined,
    groupUnsetContainer: () => undefined,
    groupGetDeviceFd: () => native().open(file, true),
    deviceGetInfo: () => ({ flags: 2, numRegions: 9, numIrqs: 5 }),
    deviceGetRegionInfo: (_fd, index) => ({
      flags: FLAGS_READ_WRITE_MMAP,
      size: BigInt(index === VFIO_PCI_CONFIG_REGION_INDEX ? CONFIG_SIZE : BAR_SIZE),
      offset: BigInt(index === VFIO_PCI_CONFIG_REGION_INDEX ? BAR_SIZE : 0),
      capabilities: [],
    }),
    deviceGetIrqInfo: (_fd, index) => ({
      flags: IRQ_FLAGS,
      count: index === VFIO_PCI_MSIX_IRQ_INDEX ? vectors : 1,
    }),
    deviceSetIrqs: () => 0,
  };
}

/**
 * Requests vectors 0 to n - 1.
 * @returns the file descriptors of the vectors' eventfds
 */
export function requestVectors(device: PciDevice, n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => {
    return device.interrupts.msix.request(i).eventfd.fd ?? -1;
  });
}
