import type { DeviceConnection, RegionInfo } from '../contract/index.js';
import {
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_REGION_INFO_FLAG_READ,
  VFIO_REGION_INFO_FLAG_WRITE,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { didReset } from '../pci/function-reset.js';
import { DECODERS, walkCapabilities } from '../pci/index.js';
import type { ReceivedMessages } from '../vfio-user/received-messages.js';
import { readTrap, splitAccess, Traps, writeTrap } from './traps.js';

const ACCESS_FLAGS = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
/** Conventional capabilities are in this part of configuration space. */
const CAPABILITIES_END = 256;

/** The accesses of a client to the regions of the device. */
export class Accesses {
  readonly #connection: DeviceConnection;
  readonly #traps: Traps;
  readonly #numRegions: number;
  readonly #infos = new Map<number, RegionInfo>();
  /** The data of a write of 8 bytes. Each write uses the same array, to save an allocation. */
  readonly #word = new Uint8Array(8);

  constructor(connection: DeviceConnection, traps: Traps) {
    this.#connection = connection;
    this.#traps = traps;
    this.#numRegions = connection.getInfo().numRegions;
  }

  /**
   * Returns the properties of a region. The size of a region that the device lacks is 0. The client
   * maps no region, so every access reaches the server.
   *
   * @throws {@link VfioError} EINVAL if the index is too large
   */
  info(index: number): RegionInfo {
    const known = this.#infos.get(index);
    if (known !== undefined) return known;
    if (index >= this.#numRegions) fail('EINVAL', 'VFIO_USER_DEVICE_GET_REGION_INFO');
    const { flags, size } = this.#deviceInfo(index);
    const info = { index, flags: flags & ACCESS_FLAGS, size, capabilities: [] };
    this.#infos.set(index, info);
    return info;
  }

  /** @returns the number of bytes read */
  read(region: number, offset: number, into: Uint8Array): number {
    this.#checkRange(region, offset, into.length);
    const traps = this.#traps.of(region);
    if (traps === undefined) return this.#connection.read(region, offset, into);
    let done = 0;
    for (const { trap, offset: at, length } of splitAccess(traps, offset, into.length)) {
      const part = into.subarray(done, done + length);
      if (trap?.read !== undefined) readTrap(trap, trap.read, at, part);
      else if (this.#connection.read(region, at, part) < length) fail('EIO', 'read');
      done += length;
    }
    return done;
  }

  /** Writes data of a message. A posted write of up to 8 bytes allocates nothing. */
  write(
    region: number,
    offset: number,
    message: ReceivedMessages,
    at: number,
    length: number,
  ): void {
    if (this.#traps.of(region) !== undefined) {
      this.writeBytes(region, offset, message.bytes(at, length));
      return;
    }
    this.#checkRange(region, offset, length);
    const connection = this.#connection;
    if (length === 4) {
      connection.store(region, offset, 4, message.u32(at));
    } else if (length === 8) {
      message.copy(at, this.#word);
      this.#writeDevice(region, offset, this.#word);
    } else if (length === 2) {
      connection.store(region, offset, 2, message.u16(at));
    } else if (length === 1) {
      connection.store(region, offset, 1, message.u8(at));
    } else {
      this.#writeDevice(region, offset, message.bytes(at, length));
    }
  }

  /** @param reachesDevice - whether bytes outside of the traps are written to the device */
  writeBytes(region: number, offset: number, from: Uint8Array, reachesDevice = true): void {
    let done = 0;
    for (const { trap, offset: at, length } of this.#split(region, offset, from.length)) {
      const part = from.subarray(done, done + length);
      if (trap?.write !== undefined) writeTrap(trap, trap.write, at, part);
      else if (reachesDevice) this.#writeDevice(region, at, part);
      done += length;
    }
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
    return this.#split(region, offset, length).every(({ trap }) => trap?.write === undefined);
  }

  #split(region: number, offset: number, length: number) {
    this.#checkRange(region, offset, length);
    return splitAccess(this.#traps.of(region) ?? [], offset, length);
  }

  #writeDevice(region: number, offset: number, from: Uint8Array): void {
    if (this.#connection.write(region, offset, from) < from.length) fail('EIO', 'write');
  }

  #deviceInfo(index: number): Pick<RegionInfo, 'flags' | 'size'> {
    try {
      return this.#connection.getRegionInfo(index);
    } catch (error) {
      // Only VGA cards have the region VGA. Some clients do not expect an error here.
      if (error instanceof VfioError && error.code === 'EINVAL') return { flags: 0, size: 0n };
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

function fail(code: string, syscall: string): never {
  throw new VfioError({ code, syscall });
}
