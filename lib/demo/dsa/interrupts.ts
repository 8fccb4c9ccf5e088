import {
  type Cookie,
  ImsSource,
  MsixPerm,
  type PasidMap,
  type Slot,
  SoftwareSource,
  VfioError,
  VirtualMsix,
} from '../../index.js';
import type { DsaHost } from './host.js';
import { IDXD_INTC_INT_HANDLE_REVOKED } from './registers.js';

/** Vector 0 is the misc interrupt. The virtual device raises this interrupt itself. */
const MISC = 0;
const FIRST_SLOT_VECTOR = 1;

export interface GuestInterruptsOptions {
  /** Number of vectors of the guest, with the misc interrupt. */
  readonly vectors: number;
  /** The guest's PASIDs. The default PASID is for work without a PASID of the guest. */
  readonly pasids: PasidMap;
}

/**
 * The interrupts of a virtual DSA: MSI-X, `MSIX_PERM`, `INTCAUSE`, and the commands
 * `REQUEST_INT_HANDLE` and `RELEASE_INT_HANDLE`. Each vector except the misc interrupt uses a slot
 * of the device's message store.
 */
export class GuestInterrupts {
  readonly msix: VirtualMsix;
  readonly perm: MsixPerm;
  readonly pasids: PasidMap;
  readonly #source: ImsSource;
  readonly #software: SoftwareSource;
  readonly #domain: DsaHost['domain'];
  #cause = 0;

  constructor({ domain }: DsaHost, { vectors, pasids }: GuestInterruptsOptions) {
    this.#domain = domain;
    this.pasids = pasids;
    this.#source = new ImsSource(domain, { count: vectors - FIRST_SLOT_VECTOR, pasids });
    this.msix = new VirtualMsix({
      vectors,
      table: { bar: 0, offset: 0x2000 },
      pba: { bar: 0, offset: 0x3000 },
    });
    this.#software = new SoftwareSource(this.msix);
    this.#software.emulate(MISC, 1);
    // All slots are allocated at once, so that each vector has a handle before the guest unmasks
    // the vector.
    try {
      this.msix.attach(this.#source, { first: FIRST_SLOT_VECTOR, flow: 'upfront' });
    } catch (error) {
      this.#source.close();
      throw error;
    }
    this.perm = new MsixPerm({ vectors, pasids, target: this.msix });
    domain.on('revoked', this.#onRevoked);
  }

  /** The register `INTCAUSE`. */
  get cause(): number {
    return this.#cause;
  }

  /** Emulates a write to `INTCAUSE`: clears the bits that are set in the written value. */
  acknowledge(bits: number): void {
    this.#cause = (this.#cause & ~bits) >>> 0;
  }

  /** Sets bits of `INTCAUSE`, and raises the misc interrupt. */
  raise(cause: number): void {
    this.#cause = (this.#cause | cause) >>> 0;
    this.#software.sendSignal(MISC);
  }

  /** Returns the slot of a vector, or undefined if the vector has no slot. */
  slotOf(vector: number): Slot | undefined {
    return vector < FIRST_SLOT_VECTOR ? undefined : this.#source.slotOf(vector - FIRST_SLOT_VECTOR);
  }

  /**
   * Emulates the guest's command `REQUEST_INT_HANDLE`. If the host has revoked the handle, the
   * vector works again with the new handle.
   *
   * @throws {@link VfioError} ENXIO if the vector is not allocated, or the device refuses a handle
   */
  requestHandle(vector: number): number {
    const slot = this.slotOf(vector);
    if (slot?.silent === true) this.#applyPermission(vector);
    const handle = slot?.handle ?? null;
    if (handle !== null) return handle;
    throw new VfioError({ code: 'ENXIO', message: `vector ${vector} has no interrupt handle` });
  }

  /**
   * Emulates the guest's command `RELEASE_INT_HANDLE`. The device refuses the released handle. The
   * vector gets a new handle for the next request.
   *
   * @returns false if the handle belongs to no vector of this guest
   */
  releaseHandle(handle: number): boolean {
    const slot = this.#slots().find((one) => one.handle === handle);
    if (slot !== undefined) renewHandle(slot);
    return slot !== undefined;
  }

  /** Emulates a reset of the device. The guest's MSI-X stays enabled, as after an FLR on vfio-pci. */
  reset(): void {
    this.#cause = 0;
    this.perm.reset();
    for (const slot of this.#slots()) renewHandle(slot);
  }

  close(): void {
    this.#domain.off('revoked', this.#onRevoked);
    this.perm.close();
    this.#source.close();
  }

  /** The event also names slots of other guests. Only slots of this guest raise the interrupt. */
  readonly #onRevoked = (_cookie: Cookie, revoked: readonly Slot[]) => {
    const own = new Set(this.#slots());
    if (revoked.some((slot) => own.has(slot))) this.raise(IDXD_INTC_INT_HANDLE_REVOKED);
  };

  #slots(): Slot[] {
    const vectors = Array.from({ length: this.msix.vectors }, (_, vector) => vector);
    return vectors.flatMap((vector) => this.slotOf(vector) ?? []);
  }

  /** Sets the cookie of a vector again, from the entry of `MSIX_PERM`. */
  #applyPermission(vector: number): void {
    this.perm.write(8 * vector, 4, this.perm.read(8 * vector, 4));
  }
}

function renewHandle(slot: Slot): void {
  const { cookie, silent } = slot;
  slot.revoke();
  if (!silent) slot.setCookie(cookie);
}
