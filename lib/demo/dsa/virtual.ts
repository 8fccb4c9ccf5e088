import {
  type CreatedAddressSpace,
  PasidMap,
  type ResetCause,
  type Trap,
  VirtualIrqs,
} from '../../index.js';
import type { DsaHost } from './host.js';
import { GuestInterrupts } from './interrupts.js';
import { VirtualConfig } from './virtual-config.js';
import { VirtualFunction } from './virtual-function.js';
import { VirtualQueue } from './virtual-queue.js';
import { VirtualRegisters } from './virtual-registers.js';

/** Linux requests one vector for each work queue, and vector 0 for the misc interrupt. */
const VECTORS = 2;
/** BAR 0 contains the table and the pending bits of MSI-X, which the server answers. */
const MSIX_START = 0x2000;
const MSIX_END = 0x4000;

export interface VirtualDsaOptions {
  /**
   * The PASIDs of the guest. Several virtual devices of one guest have the same PASIDs. Default:
   * PASIDs of its own, with a new host PASID as the default PASID.
   */
  readonly pasids?: PasidMap | undefined;
}

/**
 * A virtual DSA: the guest's side of a DSA that guests share. The virtual DSA has one work queue of
 * the shared device, slots of the message store, host PASIDs, and an address space. The device
 * performs the guest's work with the guest's PASIDs only, so the work reaches only this memory and
 * these slots.
 *
 * @example
 * const host = new DsaHost(device);
 * const virtual = new VirtualDsa(host);
 * await serveDevice(virtual.device, { socket: 'vdsa.sock', ...virtual.serveOptions });
 */
export class VirtualDsa {
  readonly interrupts: GuestInterrupts;
  /** The PCI function that is served. */
  readonly device: VirtualFunction;
  /** The options with which the function is served. */
  readonly serveOptions: {
    readonly interrupts: VirtualIrqs;
    readonly traps: readonly Trap[];
    readonly reset: (cause: ResetCause) => void;
  };
  readonly #host: DsaHost;
  readonly #addressSpace: CreatedAddressSpace;
  readonly #config: VirtualConfig;
  readonly #registers: VirtualRegisters;
  /** The host PASIDs of this device. */
  readonly #pasids = new Set<number>();
  /** Functions that free the parts of the shared device. The last function is called first. */
  readonly #releases: (() => void)[] = [];

  /** @throws {@link VfioError} ENOSPC if all work queues or all slots of the device are in use */
  constructor(host: DsaHost, { pasids }: VirtualDsaOptions = {}) {
    this.#host = host;
    const index = host.allocateQueue();
    this.#releases.push(() => {
      host.freeQueue(index);
    });
    let known: PasidMap;
    try {
      this.#addressSpace = host.device.createAddressSpace();
      this.#releases.push(() => {
        this.#addressSpace.close();
      });
      this.#releases.push(() => {
        for (const pasid of this.#pasids) this.#detachPasid(pasid);
      });
      known = pasids ?? new PasidMap(this.#attachPasid());
      this.interrupts = new GuestInterrupts(host, { vectors: VECTORS, pasids: known });
    } catch (error) {
      this.#release();
      throw error;
    }
    const queue = new VirtualQueue(host.driver, index, known.default ?? 0);
    this.#registers = new VirtualRegisters(this.interrupts, queue);
    this.#config = new VirtualConfig(this.interrupts.msix);
    const irqs = new VirtualIrqs(this.interrupts.msix);
    this.device = new VirtualFunction({
      name: host.device.name,
      addressSpace: this.#addressSpace,
      interrupts: irqs,
      config: this.#config,
      reset: () => {
        this.#reset('command');
      },
    });
    this.serveOptions = {
      interrupts: irqs,
      traps: [
        this.#trap(0, MSIX_START),
        this.#trap(MSIX_END, this.#config.barSize(0) - MSIX_END),
        {
          region: 2,
          offset: 0,
          size: this.#config.barSize(2),
          // A portal accepts only whole quadwords.
          write: (offset, width, value) => {
            if (width === 8) queue.submit(offset, BigInt(value));
          },
        },
      ],
      reset: (cause) => {
        this.#reset(cause);
      },
    };
  }

  /**
   * Binds a PASID of the guest to a new host PASID. Requests with this host PASID reach the memory
   * of the guest.
   *
   * @returns the host PASID
   * @throws {@link VfioError} EEXIST if the guest PASID is already bound
   */
  bindPasid(guest: number): number {
    const pasid = this.#attachPasid();
    try {
      this.interrupts.pasids.bind(guest, pasid);
    } catch (error) {
      this.#detachPasid(pasid);
      throw error;
    }
    return pasid;
  }

  /** Frees the guest's part of the shared device. The caller closes the server before. */
  close(): void {
    this.#registers.reset();
    this.interrupts.close();
    this.#release();
  }

  #release(): void {
    for (const release of this.#releases.splice(0).reverse()) release();
  }

  #detachPasid(pasid: number): void {
    this.#pasids.delete(pasid);
    this.#host.device.detachPasid(pasid);
    this.#host.freePasid(pasid);
  }

  #attachPasid(): number {
    const pasid = this.#host.allocatePasid();
    try {
      this.#host.device.attachPasid(pasid, { addressSpace: this.#addressSpace });
    } catch (error) {
      this.#host.freePasid(pasid);
      throw error;
    }
    this.#pasids.add(pasid);
    return pasid;
  }

  #trap(start: number, size: number): Trap {
    return {
      region: 0,
      offset: start,
      size,
      read: (offset, width) => this.#registers.read(start + offset, width),
      write: (offset, width, value) => {
        this.#registers.write(start + offset, width, value);
      },
    };
  }

  /** The next guest finds the configuration space of a new device. An FLR keeps the BARs. */
  #reset(cause: ResetCause): void {
    this.#registers.reset();
    if (cause === 'gone') this.#config.reset();
  }
}
