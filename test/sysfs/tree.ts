import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Sysfs } from '../../lib/sysfs/sysfs.js';

export interface TreeDevice {
  readonly name: string;
  readonly driver?: string;
  readonly group?: number;
  readonly vfioDevice?: string;
  /**
   * The contents of the function's sysfs files, by file name. By default, the files describe an
   * NVMe disk.
   */
  readonly files?: Readonly<Record<string, string | null>>;
}

export interface TreeSpec {
  readonly devices?: readonly TreeDevice[];
  /** The numbers of the groups whose devices have no IOMMU. */
  readonly noiommu?: readonly number[];
  readonly drivers?: readonly string[];
  /** Paths below /dev. */
  readonly nodes?: readonly string[];
  readonly memlock?: string;
}

const NVME: Readonly<Record<string, string>> = {
  vendor: '0x1b36',
  device: '0x0010',
  subsystem_vendor: '0x1af4',
  subsystem_device: '0x1100',
  class: '0x010802',
  revision: '0x02',
};

/**
 * Creates the sysfs files of an invented host in a temporary folder. The test framework removes the
 * folder after the test.
 */
export class Tree {
  readonly root = mkdtempSync(join(tmpdir(), 'vfio-tree-'));
  readonly sysfs = new Sysfs(this.root);

  constructor(t: ExecutionContext, spec: TreeSpec = {}) {
    t.teardown(() => {
      rmSync(this.root, { recursive: true });
    });
    for (const device of spec.devices ?? []) this.#device(device);
    for (const group of spec.noiommu ?? []) {
      this.file(`sys/kernel/iommu_groups/${group}/name`, 'vfio-noiommu\n');
    }
    for (const driver of spec.drivers ?? ['vfio-pci']) this.folder(`sys/bus/pci/drivers/${driver}`);
    for (const node of spec.nodes ?? []) this.file(`dev/${node}`, '');
    const memlock = spec.memlock ?? '8388608';
    this.file(
      'proc/self/limits',
      `Limit                     Soft Limit           Hard Limit           Units     \n` +
        `Max locked memory         ${memlock.padEnd(20)} unlimited            bytes     \n`,
    );
  }

  file(path: string, content: string): void {
    const whole = join(this.root, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, content);
  }

  folder(path: string): void {
    mkdirSync(join(this.root, path), { recursive: true });
  }

  #device({ name, driver, group, vfioDevice, files }: TreeDevice): void {
    const folder = `sys/bus/pci/devices/${name}`;
    for (const [file, content] of Object.entries({ ...NVME, ...files })) {
      if (content !== null) this.file(`${folder}/${file}`, `${content}\n`);
    }
    if (driver !== undefined) {
      symlinkSync(`../../drivers/${driver}`, join(this.root, folder, 'driver'));
    }
    if (group !== undefined) {
      const devices = `sys/kernel/iommu_groups/${group}/devices`;
      this.folder(devices);
      symlinkSync(join(this.root, folder), join(this.root, devices, name));
      symlinkSync(
        `../../../../kernel/iommu_groups/${group}`,
        join(this.root, folder, 'iommu_group'),
      );
    }
    if (vfioDevice !== undefined) this.folder(`${folder}/vfio-dev/${vfioDevice}`);
  }
}

/**
 * A host with two NVMe disks and a card that has two functions. Each disk has its own IOMMU group,
 * and the two functions of the card share one group.
 */
export function goodHost(t: ExecutionContext, nodes: readonly string[] = GROUP_NODES): Tree {
  return new Tree(t, {
    devices: [
      { name: '0000:01:00.0', driver: 'vfio-pci', group: 12, vfioDevice: 'vfio0' },
      { name: '0000:02:00.0', driver: 'vfio-pci', group: 13, vfioDevice: 'vfio1' },
      { name: '0000:03:00.0', driver: 'vfio-pci', group: 14, vfioDevice: 'vfio2' },
      { name: '0000:03:00.1', driver: 'vfio-pci', group: 14, vfioDevice: 'vfio3' },
    ],
    nodes,
  });
}

export const GROUP_NODES = ['vfio/vfio', 'vfio/12', 'vfio/13', 'vfio/14'];
export const CDEV_NODES = [
  'iommu',
  ...['vfio0', 'vfio1', 'vfio2', 'vfio3'].map((name) => `vfio/devices/${name}`),
];
