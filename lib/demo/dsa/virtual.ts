import {
  DeviceHostVectors,
  DSA_LAYOUT,
  ImsDomain,
  ImsSource,
  type Message,
  MsixPerm,
  PasidMap,
  type PciDevice,
  regionStorage,
  VfioError,
  VirtualMsix,
} from '../../index.js';
import type { Dsa } from './device.js';
import { IDXD_INTC_INT_HANDLE_REVOKED } from './registers.js';

export interface VirtualDsaOptions {
  readonly vectors: number;
  /** PASID of the host for work that names none of the guest's. */
  readonly defaultPasid: number;
  /** Raises the misc interrupt, vector 0: work on the default PASID with that handle. */
  readonly raiseMisc: (handle: number) => void;
}

/**
 * What a guest sees of a DSA, as far as its interrupts go: MSI-X, MSIX_PERM, the interrupt cause
 * and REQUEST_INT_HANDLE. Behind each vector stands a slot of the device's message store.
 */
export class VirtualDsa {
  readonly msix: VirtualMsix;
  readonly perm: MsixPerm;
  readonly pasids: PasidMap;
  readonly source: ImsSource;
  readonly domain: ImsDomain;
  readonly #hostVectors: DeviceHostVectors;
  #cause = 0;

  constructor(device: PciDevice, driver: Dsa, options: VirtualDsaOptions) {
    const { vectors, defaultPasid, raiseMisc } = options;
    const { ims, slots } = driver.tables;
    this.#hostVectors = new DeviceHostVectors(device.connection, {
      message: messageReader(device, driver),
      // The device's own misc interrupt stays the host's.
      first: 1,
    });
    this.domain = new ImsDomain({
      layout: DSA_LAYOUT,
      storage: regionStorage(driver.registers, ims, slots * DSA_LAYOUT.stride),
      hostVectors: this.#hostVectors,
      handles: driver,
    });
    this.pasids = new PasidMap(defaultPasid);
    this.source = new ImsSource(this.domain, { count: vectors, pasids: this.pasids });
    this.msix = new VirtualMsix({
      vectors,
      table: { bar: 0, offset: 0x2000 },
      pba: { bar: 0, offset: 0x3000 },
    });
    // All slots from the start, so that handles are there before the vectors are unmasked.
    this.msix.attach(this.source, { flow: 'upfront' });
    this.perm = new MsixPerm({ vectors, pasids: this.pasids, target: this.msix });
    this.domain.on('revoked', (_cookie, revoked) => {
      if (revoked.length === 0) return;
      this.#cause = (this.#cause | IDXD_INTC_INT_HANDLE_REVOKED) >>> 0;
      const misc = this.source.slotOf(0)?.handle;
      if (misc !== null && misc !== undefined) raiseMisc(misc);
    });
  }

  /** INTCAUSE. */
  get interruptCause(): number {
    return this.#cause;
  }

  /** A write to INTCAUSE: bits that are set are cleared. */
  acknowledge(bits: number): void {
    this.#cause = (this.#cause & ~bits) >>> 0;
  }

  /**
   * REQUEST_INT_HANDLE of the guest.
   * @throws {@link VfioError} ENXIO while the vector has none: it was revoked, or is not allocated
   */
  requestHandle(vector: number): number {
    const handle = this.source.slotOf(vector)?.handle;
    if (handle !== null && handle !== undefined) return handle;
    throw new VfioError({ code: 'ENXIO', message: `vector ${vector} has no interrupt handle` });
  }

  close(): void {
    this.source.close();
    this.#hostVectors.close();
  }
}

/** The message that raises a vector of the device, as it is in its MSI-X table. */
function messageReader(device: PciDevice, { registers }: Dsa): (vector: number) => Message {
  const msix = device.config.details('msix');
  if (msix === undefined) throw new VfioError({ code: 'ENOTSUP', message: 'there is no MSI-X' });
  return (vector) => {
    const entry = msix.table.offset + 16 * vector;
    const high = BigInt(registers.read32(entry + 4));
    return {
      address: (high << 32n) | BigInt(registers.read32(entry)),
      data: registers.read32(entry + 8),
    };
  };
}
