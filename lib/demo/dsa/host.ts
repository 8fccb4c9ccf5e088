import {
  DeviceHostVectors,
  DSA_LAYOUT,
  ImsDomain,
  type Message,
  type PciDevice,
  regionStorage,
  VfioError,
} from '../../index.js';
import { Dsa } from './device.js';
import * as dsa from './registers.js';

/** The lowest PASID of the host that guests get. */
const FIRST_PASID = 0x101;
const PASID_MAX = 0xfffff;

/**
 * The host's side of a DSA that guests share: the message store, the host vectors, the work queues
 * and the PASIDs. The host enables the device. No guest disables or resets the device.
 */
export class DsaHost {
  readonly device: PciDevice;
  readonly driver: Dsa;
  readonly domain: ImsDomain;
  readonly #hostVectors: DeviceHostVectors;
  readonly #queues = new Set<number>();
  readonly #pasids = new Set<number>();

  /**
   * @throws {@link VfioError} ENOTSUP if the device has no MSI-X, EIO if the device cannot be enabled
   */
  constructor(device: PciDevice) {
    device.config.update('command', { memory: 1, bus_master: 1 });
    this.device = device;
    this.driver = new Dsa(device);
    const { ims, slots } = this.driver.tables;
    this.#hostVectors = new DeviceHostVectors(device.connection, {
      message: createMessageReader(device, this.driver),
      // Host vector 0 is the device's misc interrupt and is not available for the message store.
      first: 1,
    });
    this.domain = new ImsDomain({
      layout: DSA_LAYOUT,
      storage: regionStorage(this.driver.registers, ims, slots * DSA_LAYOUT.stride),
      hostVectors: this.#hostVectors,
      handles: this.driver,
    });
    this.driver.runCommand(dsa.IDXD_CMD_ENABLE_DEVICE);
  }

  /** Allocates a work queue. @throws {@link VfioError} ENOSPC if all queues are in use */
  allocateQueue(): number {
    return take(this.#queues, 0, this.driver.queues - 1, 'work queues');
  }

  freeQueue(queue: number): void {
    this.#queues.delete(queue);
  }

  /** Allocates a PASID of the host. @throws {@link VfioError} ENOSPC if all PASIDs are in use */
  allocatePasid(): number {
    return take(this.#pasids, FIRST_PASID, PASID_MAX, 'PASIDs');
  }

  freePasid(pasid: number): void {
    this.#pasids.delete(pasid);
  }

  /** Disables the host vectors. The caller closes the guests before, and the device afterwards. */
  close(): void {
    this.#hostVectors.close();
  }
}

/** Takes the lowest number that is not in use. */
function take(used: Set<number>, first: number, last: number, what: string): number {
  let number = first;
  while (used.has(number)) number++;
  if (number > last) {
    throw new VfioError({ code: 'ENOSPC', message: `all ${used.size} ${what} are in use` });
  }
  used.add(number);
  return number;
}

/** Returns a function that reads the message of a vector from the device's MSI-X table. */
function createMessageReader(device: PciDevice, { registers }: Dsa): (vector: number) => Message {
  const msix = device.config.details('msix');
  if (msix === undefined)
    throw new VfioError({ code: 'ENOTSUP', message: 'the device has no MSI-X' });
  return (vector) => {
    const entry = msix.table.offset + 16 * vector;
    const high = BigInt(registers.read32(entry + 4));
    return {
      address: (high << 32n) | BigInt(registers.read32(entry)),
      data: registers.read32(entry + 8),
    };
  };
}
