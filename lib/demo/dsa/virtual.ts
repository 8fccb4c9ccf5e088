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
  /** Host PASID for work without a PASID of the guest. */
  readonly defaultPasid: number;
  /**
   * Submits work with `handle` and the default PASID. The work raises the misc interrupt (vector
   * 0).
   */
  readonly raiseMisc: (handle: number) => void;
}

/**
 * Emulates the interrupts of a DSA for a guest: MSI-X, `MSIX_PERM`, `INTCAUSE` and the command
 * `REQUEST_INT_HANDLE`. Each vector uses a slot of the device's message store.
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
      message: createMessageReader(device, driver),
      // Host vector 0 is the device's misc interrupt and is not available for the message store.
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
    // All slots are allocated at once, so that each vector has a handle before the guest unmasks
    // the vector.
    this.msix.attach(this.source, { flow: 'upfront' });
    this.perm = new MsixPerm({ vectors, pasids: this.pasids, target: this.msix });
    this.domain.on('revoked', (_cookie, revoked) => {
      if (revoked.length === 0) return;
      this.#cause = (this.#cause | IDXD_INTC_INT_HANDLE_REVOKED) >>> 0;
      const misc = this.source.slotOf(0)?.handle;
      if (misc !== null && misc !== undefined) raiseMisc(misc);
    });
  }

  /** The register `INTCAUSE`. */
  get interruptCause(): number {
    return this.#cause;
  }

  /** Emulates a write to `INTCAUSE`: clears the bits that are set in the written value. */
  acknowledge(bits: number): void {
    this.#cause = (this.#cause & ~bits) >>> 0;
  }

  /**
   * Emulates the guest's command `REQUEST_INT_HANDLE`.
   *
   * @throws {@link VfioError} ENXIO if the handle was revoked or the vector is not allocated
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
