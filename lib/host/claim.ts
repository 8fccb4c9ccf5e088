import type { Disk } from './below.js';
import type { Host } from './host.js';

/** A disk or partition that could not be opened exclusively. */
export interface DiskUse {
  /** `'/dev/sda1'`. */
  readonly node: string;
  /** True if the disk is claimed; false if the open failed for another reason. */
  readonly claimed: boolean;
  /** `'/dev/sda1 is claimed by dm-0 (vg-home)'`. */
  readonly text: string;
}

/**
 * Opens the disks in a plan exclusively. The kernel returns EBUSY for each disk or partition that
 * is mounted, is used as swap, or is claimed by LVM, RAID, ZFS, btrfs or another program. While
 * this object has a disk open, the kernel refuses every mount and every claim of the disk and its
 * partitions.
 */
export class Claim {
  readonly uses: readonly DiskUse[];
  readonly #host: Host;
  readonly #descriptors: { owner: string; fd: number }[] = [];

  /**
   * Opens the disks. If an open fails, the constructor adds the disk to `uses` and does not throw.
   */
  constructor(host: Host, disks: readonly Disk[]) {
    this.#host = host;
    const busy = new Set<string>();
    const uses: DiskUse[] = [];
    const partitions = disks.filter(({ whole }) => whole !== null);
    const wholes = disks.filter(({ whole }) => whole === null);
    // Partitions are opened and closed before their disks. While a partition is open exclusively,
    // the kernel refuses an exclusive open of the disk. While the disk is open exclusively, the
    // kernel refuses an exclusive open of a partition.
    for (const disk of [...partitions, ...wholes]) {
      const use = this.#open(disk);
      if (use === null || busy.has(disk.name)) continue;
      uses.push(use);
      if (disk.whole !== null) busy.add(disk.whole);
    }
    this.uses = uses;
  }

  /**
   * Opens a disk or a partition exclusively. The disk stays open, and the partition is closed
   * again. Returns a description of the use, or null if the disk is not in use.
   */
  #open({ name, owner, node, number, whole }: Disk): DiskUse | null {
    try {
      const fd = this.#host.openExclusive(node, `b${number}`);
      if (whole === null) this.#descriptors.push({ owner, fd });
      else this.#host.close(fd);
      return null;
    } catch (error) {
      const { code = 'error' } = error as NodeJS.ErrnoException;
      // A drive without a medium has no data and cannot be in use.
      if (code === 'ENOMEDIUM') return null;
      const claimed = code === 'EBUSY';
      const state = claimed ? `claimed by ${this.#claimant(name)}` : `not accessible (${code})`;
      return { node: `/dev/${name}`, claimed, text: `/dev/${name} is ${state}` };
    }
  }

  #claimant(name: string): string {
    const holders = this.#host.names('sys/class/block', name, 'holders').map((holder) => {
      const label = this.#host.text('sys/class/block', holder, 'dm/name');
      return label === null ? holder : `${holder} (${label})`;
    });
    if (holders.length > 0) return holders.join(', ');
    return 'the kernel or a program (a mount, swap, LVM, RAID, ZFS, btrfs)';
  }

  /** Closes the open disks of a function. */
  release(owner: string): void {
    for (const one of this.#descriptors.splice(0)) {
      if (one.owner === owner) this.#host.close(one.fd);
      else this.#descriptors.push(one);
    }
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#descriptors.splice(0)) this.#host.close(fd);
  }
}
