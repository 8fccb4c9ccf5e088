import type { RegionInfo, Width } from '../../../contract/index.js';
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
} from '../../../contract/uapi.js';
import { PAGE_SIZE } from '../../../checks.js';
import { fail } from '../machine/errno.js';
import type { HardwareFunction } from '../hardware/function.js';
import { PCI_MSIX_ENTRY_SIZE } from '../hardware/pci.js';
import type { Profile } from '../machine/profile.js';
import type { ConfigSpace } from './config-space.js';
import { romImageSize } from './rom.js';

const READ_WRITE = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

/** A range of bytes within a BAR. `end` is exclusive. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Implements GET_REGION_INFO, and reads and writes of regions through the device file. */
export class Regions {
  readonly #hardware: HardwareFunction;
  readonly #config: ConfigSpace;
  readonly #widest: 4 | 8;
  /** Total length of the images in the expansion ROM, in bytes. */
  readonly #romImage: number;

  constructor(hardware: HardwareFunction, config: ConfigSpace, { widestAccess }: Profile) {
    this.#widest = widestAccess;
    this.#hardware = hardware;
    this.#config = config;
    const { rom } = hardware;
    this.#romImage = rom === null ? 0 : romImageSize(rom.image, rom.size);
  }

  info(index: number): RegionInfo {
    // Only VGA cards have region 8.
    if (index >= VFIO_PCI_NUM_REGIONS || index === VFIO_PCI_VGA_REGION_INDEX) {
      fail('EINVAL', 'VFIO_DEVICE_GET_REGION_INFO');
    }
    const plain = { index, capabilities: [] };
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) {
      return { ...plain, flags: READ_WRITE, size: BigInt(this.#config.size) };
    }
    if (index === VFIO_PCI_ROM_REGION_INDEX) {
      const size = this.#romImage === 0 ? 0 : (this.#hardware.rom?.size ?? 0);
      return { ...plain, flags: size === 0 ? 0 : VFIO_REGION_INFO_FLAG_READ, size: BigInt(size) };
    }
    const bar = this.#hardware.bar(index);
    const size = BigInt(bar?.size ?? 0);
    if (bar === undefined) return { ...plain, flags: 0, size };
    if (bar.kind === 'io') return { ...plain, flags: READ_WRITE, size };
    // A BAR that is smaller than a page can be mapped, because the host reserves the rest of the
    // page.
    const flags = READ_WRITE | VFIO_REGION_INFO_FLAG_MMAP;
    if (index !== this.#hardware.msixPlace?.table.bar) return { ...plain, flags, size };
    return {
      index,
      flags: flags | VFIO_REGION_INFO_FLAG_CAPS,
      size,
      capabilities: [{ id: VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, version: 1 }],
    };
  }

  read(index: number, offset: number, into: Uint8Array): number {
    this.checkIndex(index);
    if (into.length === 0) return 0;
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#config.read(offset, into);
    if (index === VFIO_PCI_ROM_REGION_INDEX) return this.#readRom(offset, into);
    const length = this.#clip(index, offset, into.length, 'read');
    this.#copyOut(index, offset, into.subarray(0, length), this.msixTable(index), () => {
      this.#checkAccessible(index, 'read');
    });
    return length;
  }

  write(index: number, offset: number, from: Uint8Array): number {
    this.checkIndex(index);
    if (from.length === 0) return 0;
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#config.write(offset, from);
    if (index === VFIO_PCI_ROM_REGION_INDEX) fail('EINVAL', 'write');
    const length = this.#clip(index, offset, from.length, 'write');
    this.#copyIn(index, offset, from.subarray(0, length), this.msixTable(index), () => {
      this.#checkAccessible(index, 'write');
    });
    return length;
  }

  /** Reads a BAR for another device. The other device also reaches the MSI-X table. */
  readByDma(index: number, offset: number, into: Uint8Array): void {
    this.#copyOut(index, offset, into, null);
  }

  /** Writes a BAR for another device. */
  writeByDma(index: number, offset: number, from: Uint8Array): void {
    this.#copyIn(index, offset, from, null);
  }

  /**
   * Reads a BAR in the largest aligned accesses.
   *
   * @param hole - a part that is not accessed, and reads as 0xff
   * @param check - called before each access
   */
  #copyOut(
    index: number,
    offset: number,
    into: Uint8Array,
    hole: Span | null,
    check?: () => void,
  ): void {
    const { length } = into;
    const view = new DataView(into.buffer, into.byteOffset, length);
    const widest = this.#widestOf(index);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const width = nextWidth(at, length - done, hole, widest);
      if (width === 0) {
        const end = Math.min(length, (hole?.end ?? 0) - offset);
        into.fill(0xff, done, end);
        done = end;
        continue;
      }
      check?.();
      if (width === 8) view.setBigUint64(done, this.#hardware.readBar64(index, at), true);
      else if (width === 4) view.setUint32(done, this.#hardware.readBar(index, at, 4), true);
      else if (width === 2) view.setUint16(done, this.#hardware.readBar(index, at, 2), true);
      else view.setUint8(done, this.#hardware.readBar(index, at, 1));
      done += width;
    }
  }

  /** Writes a BAR in the largest aligned accesses. The parameters are those of `#copyOut`. */
  #copyIn(
    index: number,
    offset: number,
    from: Uint8Array,
    hole: Span | null,
    check?: () => void,
  ): void {
    const { length } = from;
    const view = new DataView(from.buffer, from.byteOffset, length);
    const widest = this.#widestOf(index);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const width = nextWidth(at, length - done, hole, widest);
      if (width === 0) {
        done = Math.min(length, (hole?.end ?? 0) - offset);
        continue;
      }
      check?.();
      if (width === 8) this.#hardware.writeBar64(index, at, view.getBigUint64(done, true));
      else if (width === 4) this.#hardware.writeBar(index, at, 4, view.getUint32(done, true));
      else if (width === 2) this.#hardware.writeBar(index, at, 2, view.getUint16(done, true));
      else this.#hardware.writeBar(index, at, 1, view.getUint8(done));
      done += width;
    }
  }

  /**
   * Checks the range of an mmap(2). The range can include the whole last page, even if the BAR ends
   * within this page.
   */
  checkMap(index: number, offset: number, length: number): void {
    const { flags, size } = this.info(index);
    const pages = Math.ceil(Number(size) / PAGE_SIZE) * PAGE_SIZE;
    const mappable = (flags & VFIO_REGION_INFO_FLAG_MMAP) !== 0;
    if (!mappable || offset + length > pages) fail('EINVAL', 'mmap');
  }

  /**
   * Returns the range of the MSI-X table within a BAR. Returns null if the BAR does not contain the
   * MSI-X table.
   */
  msixTable(index: number): Span | null {
    const { msixPlace } = this.#hardware;
    if (msixPlace?.table.bar !== index) return null;
    const start = msixPlace.table.offset;
    return { start, end: start + msixPlace.vectors * PCI_MSIX_ENTRY_SIZE };
  }

  /**
   * Throws the error of GET_REGION_INFO if the region is unknown: an access first looks up the
   * offset of the region.
   */
  checkIndex(index: number): void {
    if (index >= VFIO_PCI_VGA_REGION_INDEX) this.info(index);
  }

  /** Reads the expansion ROM. The bytes after the last image read as 0xff. */
  #readRom(offset: number, into: Uint8Array): number {
    const { rom } = this.#hardware;
    if (rom === null || offset >= rom.size) return fail('EINVAL', 'read');
    if (this.#romImage === 0) fail('ENOMEM', 'read');
    if (offset < this.#romImage && !this.#config.memoryEnabled) fail('EIO', 'read');
    const length = Math.min(into.length, rom.size - offset);
    into.fill(0xff, 0, length);
    into.set(rom.image.subarray(offset, Math.min(this.#romImage, offset + length)));
    return length;
  }

  /** Returns the maximum access width of a BAR in bytes. The maximum for I/O ports is 4. */
  #widestOf(index: number): 4 | 8 {
    return this.#hardware.bar(index)?.kind === 'io' ? 4 : this.#widest;
  }

  /** Returns the number of bytes of a transfer that lie within the region. */
  #clip(index: number, offset: number, length: number, syscall: string): number {
    const size = index <= VFIO_PCI_BAR5_REGION_INDEX ? this.#hardware.barSize(index) : 0;
    if (offset >= size) fail('EINVAL', syscall);
    return Math.min(length, size - offset);
  }

  /** Whether the kernel accesses a BAR. If memory decode is disabled, only I/O ports are accessed. */
  isAccessible(index: number): boolean {
    return this.#hardware.bar(index)?.kind === 'io' || this.#config.memoryEnabled;
  }

  #checkAccessible(index: number, syscall: string): void {
    if (!this.isAccessible(index)) fail('EIO', syscall);
  }
}

/**
 * Returns the width of the largest aligned access at an offset. The access does not overlap `hole`.
 * Returns 0 if the offset lies inside `hole`.
 */
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
