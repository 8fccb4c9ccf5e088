import type { RegionInfo, Width } from '../../contract.js';
import {
  VFIO_PCI_BAR5_REGION_INDEX,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_NUM_REGIONS,
  VFIO_PCI_ROM_REGION_INDEX,
  VFIO_PCI_VGA_REGION_INDEX,
  VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
  VFIO_REGION_INFO_FLAG_CAPS,
  VFIO_REGION_INFO_FLAG_MMAP,
  VFIO_REGION_INFO_FLAG_READ,
  VFIO_REGION_INFO_FLAG_WRITE,
} from '../../uapi.js';
import { PAGE_SIZE } from '../checks.js';
import { fail } from '../errno.js';
import type { HardwareFunction } from '../hardware/function.js';
import type { MsixShape } from '../models/model.js';
import { PCI_MSIX_ENTRY_SIZE } from '../pci.js';
import type { Profile } from '../profile.js';
import type { ConfigSpace } from './config-space.js';

const READ_WRITE = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

/** A run of bytes within a BAR. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** GET_REGION_INFO, and reads and writes of regions through the device file. */
export class Regions {
  readonly #hardware: HardwareFunction;
  readonly #config: ConfigSpace;
  readonly #msix: MsixShape | undefined;
  readonly #widest: 4 | 8;

  constructor(
    hardware: HardwareFunction,
    config: ConfigSpace,
    msix: MsixShape | undefined,
    { widestAccess }: Profile,
  ) {
    this.#widest = widestAccess;
    this.#hardware = hardware;
    this.#config = config;
    this.#msix = msix;
  }

  info(index: number): RegionInfo {
    // Neither is a graphics card, which would have region 8.
    if (index >= VFIO_PCI_NUM_REGIONS || index === VFIO_PCI_VGA_REGION_INDEX) {
      fail('EINVAL', 'VFIO_DEVICE_GET_REGION_INFO');
    }
    const plain = { index, capabilities: [] };
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) {
      return { ...plain, flags: READ_WRITE, size: BigInt(this.#config.size) };
    }
    const size = BigInt(this.#hardware.barSize(index));
    if (index === VFIO_PCI_ROM_REGION_INDEX || size === 0n) return { ...plain, flags: 0, size };
    // A BAR smaller than a page is mapped if the host can keep others out of its page.
    const flags = READ_WRITE | VFIO_REGION_INFO_FLAG_MMAP;
    if (index !== this.#msix?.table.bar) return { ...plain, flags, size };
    return {
      index,
      flags: flags | VFIO_REGION_INFO_FLAG_CAPS,
      size,
      capabilities: [{ id: VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, version: 1 }],
    };
  }

  read(index: number, offset: number, into: Uint8Array): number {
    this.#find(index);
    if (into.length === 0) return 0;
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#config.read(offset, into);
    const length = this.#clip(index, offset, into.length, 'read');
    const view = new DataView(into.buffer, into.byteOffset, length);
    const hole = this.msixTable(index);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const width = nextWidth(at, length - done, hole, this.#widest);
      if (width === 0) {
        const end = Math.min(length, (hole?.end ?? 0) - offset);
        into.fill(0xff, done, end);
        done = end;
        continue;
      }
      this.#checkMemory('read');
      if (width === 8) view.setBigUint64(done, this.#hardware.readBar64(index, at), true);
      else if (width === 4) view.setUint32(done, this.#hardware.readBar(index, at, 4), true);
      else if (width === 2) view.setUint16(done, this.#hardware.readBar(index, at, 2), true);
      else view.setUint8(done, this.#hardware.readBar(index, at, 1));
      done += width;
    }
    return length;
  }

  write(index: number, offset: number, from: Uint8Array): number {
    this.#find(index);
    if (from.length === 0) return 0;
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#config.write(offset, from);
    const length = this.#clip(index, offset, from.length, 'write');
    const view = new DataView(from.buffer, from.byteOffset, length);
    const hole = this.msixTable(index);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const width = nextWidth(at, length - done, hole, this.#widest);
      if (width === 0) {
        done = Math.min(length, (hole?.end ?? 0) - offset);
        continue;
      }
      this.#checkMemory('write');
      if (width === 8) this.#hardware.writeBar64(index, at, view.getBigUint64(done, true));
      else if (width === 4) this.#hardware.writeBar(index, at, 4, view.getUint32(done, true));
      else if (width === 2) this.#hardware.writeBar(index, at, 2, view.getUint16(done, true));
      else this.#hardware.writeBar(index, at, 1, view.getUint8(done));
      done += width;
    }
    return length;
  }

  /** Checks an mmap of whole pages; the BAR may end within the last one. */
  checkMap(index: number, offset: number, length: number): void {
    const { flags, size } = this.info(index);
    const pages = Math.ceil(Number(size) / PAGE_SIZE) * PAGE_SIZE;
    const mappable = (flags & VFIO_REGION_INFO_FLAG_MMAP) !== 0;
    if (!mappable || offset + length > pages) fail('EINVAL', 'mmap');
  }

  /** The part of a BAR that is the message table. */
  msixTable(index: number): Span | null {
    if (this.#msix?.table.bar !== index) return null;
    const start = this.#msix.table.offset;
    return { start, end: start + this.#msix.vectors * PCI_MSIX_ENTRY_SIZE };
  }

  /** Where a region lies in the device file is asked of the kernel first. */
  #find(index: number): void {
    if (index >= VFIO_PCI_VGA_REGION_INDEX) this.info(index);
  }

  /** How much of a transfer lies within the region. */
  #clip(index: number, offset: number, length: number, syscall: string): number {
    const size = index <= VFIO_PCI_BAR5_REGION_INDEX ? this.#hardware.barSize(index) : 0;
    if (offset >= size) fail('EINVAL', syscall);
    return Math.min(length, size - offset);
  }

  #checkMemory(syscall: string): void {
    if (!this.#config.memoryEnabled) fail('EIO', syscall);
  }
}

/** Width of the next access: the largest that is aligned and stays out of the hole; 0 in it. */
function nextWidth(at: number, left: number, hole: Span | null, widest: 4 | 8): 0 | Width {
  let most = left;
  if (hole !== null && at < hole.end) {
    if (at >= hole.start) return 0;
    most = Math.min(left, hole.start - at);
  }
  if (widest === 8 && most >= 8 && at % 8 === 0) return 8;
  if (most >= 4 && at % 4 === 0) return 4;
  return most >= 2 && at % 2 === 0 ? 2 : 1;
}
