import type { RegionFile, RegionInfo } from '../contract/index.js';
import type { ServableDevice } from '../contract/servable-device.js';
import { regionMapping } from '../contract/region-mapping.js';
import {
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
  VFIO_REGION_INFO_FLAG_MMAP,
  VFIO_REGION_INFO_FLAG_READ,
  VFIO_REGION_INFO_FLAG_WRITE,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { didReset } from '../pci/function-reset.js';
import { DECODERS, walkCapabilities } from '../pci/index.js';
import type { ReceivedMessages } from '../vfio-user/received-messages.js';
import { type Regions, TrappedRegions } from './regions.js';
import type { Traps } from './traps.js';

const ACCESS_FLAGS = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
/** Conventional capabilities are in this part of configuration space. */
const CAPABILITIES_END = 256;

/** The largest number of a capability of struct vfio_region_info that the library knows. */
const KNOWN_CAPABILITIES = VFIO_REGION_INFO_CAP_MSIX_MAPPABLE;

/** A region as the client sees the region. */
interface ServedRegion extends RegionInfo {
  /** The file by which the client maps the region, or null. */
  readonly file: RegionFile | null;
}

/** The accesses of a client to the regions of the device. */
export class Accesses {
  readonly #connection: ServableDevice;
  /** The traps, the upper layer first. */
  readonly #layers: readonly Traps[];
  /** The regions of the device below all layers. */
  readonly #regions: Regions;
  readonly #numRegions: number;
  readonly #infos = new Map<number, ServedRegion>();
  readonly #isMappable: boolean;
  /** The data of a write of 8 bytes. Each write uses the same array, to save an allocation. */
  readonly #word = new Uint8Array(8);

  /**
   * @param layers - the traps of the program, then the traps of an interrupt front end
   * @param isMappable - whether the client maps regions
   */
  constructor(connection: ServableDevice, layers: readonly Traps[], isMappable: boolean) {
    this.#connection = connection;
    this.#isMappable = isMappable;
    this.#layers = layers;
    this.#regions = this.#over(connection);
    this.#numRegions = connection.getInfo().numRegions;
  }

  /**
   * Returns the properties of a region. The size of a region that the device lacks is 0. If the
   * client maps no region, every access reaches the server.
   *
   * @throws {@link VfioError} EINVAL if the index is too large
   */
  info(index: number): ServedRegion {
    const known = this.#infos.get(index);
    if (known !== undefined) return known;
    if (index >= this.#numRegions) fail('EINVAL', 'VFIO_USER_DEVICE_GET_REGION_INFO');
    const device = this.#deviceInfo(index);
    const own = { ...device, flags: device.flags & ACCESS_FLAGS, capabilities: [], file: null };
    const info = this.#findFile(device) ?? own;
    this.#infos.set(index, info);
    return info;
  }

  /** @returns the number of bytes read */
  read(region: number, offset: number, into: Uint8Array): number {
    this.#checkRange(region, offset, into.length);
    return this.#regions.read(region, offset, into);
  }

  /** Writes data of a message. A posted write of up to 8 bytes allocates nothing. */
  write(
    region: number,
    offset: number,
    message: ReceivedMessages,
    at: number,
    length: number,
  ): void {
    this.#checkRange(region, offset, length);
    if (!this.reachesDevice(region, offset, length)) {
      this.#write(this.#regions, region, offset, message.bytes(at, length));
      return;
    }
    const connection = this.#connection;
    if (length === 4) {
      connection.store(region, offset, 4, message.u32(at));
    } else if (length === 8) {
      message.copy(at, this.#word);
      this.#write(connection, region, offset, this.#word);
    } else if (length === 2) {
      connection.store(region, offset, 2, message.u16(at));
    } else if (length === 1) {
      connection.store(region, offset, 1, message.u8(at));
    } else {
      this.#write(connection, region, offset, message.bytes(at, length));
    }
  }

  /** @param reachesDevice - whether bytes outside of the traps are written to the device */
  writeBytes(region: number, offset: number, from: Uint8Array, reachesDevice = true): void {
    this.#checkRange(region, offset, from.length);
    const regions = reachesDevice ? this.#regions : this.#over(readOnly(this.#connection));
    this.#write(regions, region, offset, from);
  }

  /** Whether a write to configuration space starts a reset of the function (FLR). */
  startsReset(offset: number, bytes: Uint8Array): boolean {
    const read = (length: number) => {
      const config = new Uint8Array(length);
      this.read(VFIO_PCI_CONFIG_REGION_INDEX, 0, config);
      return config;
    };
    let image: Uint8Array | undefined;
    const config = () => (image ??= read(CAPABILITIES_END));
    const find = (wanted: string) => walkCapabilities(config()).find(({ name }) => name === wanted);
    const space = {
      find,
      read8: (at: number) => config()[at] ?? 0,
      details: (name: 'pcie') => {
        const express = find(name);
        return express === undefined ? undefined : DECODERS.pcie(config(), express.offset);
      },
    };
    return didReset(space, offset, bytes.length, (n) => bytes[n] ?? 0);
  }

  /** Whether the device receives all bytes of a write. */
  reachesDevice(region: number, offset: number, length: number): boolean {
    for (const traps of this.#layers) if (traps.catchWrite(region, offset, length)) return false;
    return true;
  }

  /** Returns the regions with all layers of traps over them. */
  #over(device: Regions): Regions {
    return this.#layers.reduceRight((below, traps) => new TrappedRegions(traps, below), device);
  }

  #write(regions: Regions, region: number, offset: number, from: Uint8Array): void {
    if (regions.write(region, offset, from) < from.length) fail('EIO', 'write');
  }

  /** Returns a region that the client maps, with its file. */
  #findFile(info: RegionInfo): ServedRegion | undefined {
    const connection = this.#connection;
    if (!this.#isMappable || !regionMapping(info).mappable) return undefined;
    const file = connection.regionFile?.(info.index);
    if (file === undefined) return undefined;
    const flags = info.flags & (ACCESS_FLAGS | VFIO_REGION_INFO_FLAG_MMAP);
    // The layout of an unknown capability is unknown.
    const capabilities = info.capabilities.filter(({ id }) => id <= KNOWN_CAPABILITIES);
    return { ...info, flags, capabilities, file };
  }

  #deviceInfo(index: number): RegionInfo {
    try {
      return this.#connection.getRegionInfo(index);
    } catch (error) {
      // Only VGA cards have the region VGA. Some clients do not expect an error here.
      if (error instanceof VfioError && error.code === 'EINVAL')
        return { index, flags: 0, size: 0n, capabilities: [] };
      throw error;
    }
  }

  /** @param offset - Infinity for an offset of 2^53 or more */
  #checkRange(region: number, offset: number, length: number): void {
    if (offset + length <= Number((this.#infos.get(region) ?? this.info(region)).size)) return;
    throw new VfioError({
      code: 'EINVAL',
      message: `${length} bytes at offset ${offset} exceed region ${region}`,
    });
  }
}

/** Returns regions that drop all writes. */
function readOnly(device: Regions): Regions {
  return {
    read: (region, offset, into) => device.read(region, offset, into),
    write: (_region, _offset, from) => from.length,
  };
}

function fail(code: string, syscall: string): never {
  throw new VfioError({ code, syscall });
}
