import type { CreatedAddressSpace, IovaRange } from '../../../contract/index.js';
import { U64_MAX } from '../../../checks.js';
import { VfioError } from '../../../errors.js';
import { MockAddressSpace } from './address-space.js';
import { fail } from './errno.js';
import type { Faults } from './faults.js';
import { ioas } from './ioas.js';
import type { DmaLimits } from './limits.js';
import { LAST_IOVA } from './platform.js';
import type { Profile } from './profile.js';

/** The limits of the host, with other ranges of usable IOVAs. */
class Limits implements DmaLimits {
  readonly #host: DmaLimits;
  ranges: readonly IovaRange[] = [{ start: 0n, end: U64_MAX }];

  constructor(host: DmaLimits) {
    this.#host = host;
  }

  get dmaEntries(): number {
    return this.#host.dmaEntries;
  }

  get memlock(): bigint {
    return this.#host.memlock;
  }
}

/**
 * An address space of iommufd that a program has created. The address space has no limits until the
 * first PASID is attached. The IOMMU then translates addresses of 48 bits. Interrupt messages have
 * no PASID, so the addresses of interrupt messages are usable.
 */
export class MockCreatedAddressSpace extends MockAddressSpace implements CreatedAddressSpace {
  readonly #path: string;
  readonly #limits: Limits;
  /** Number of PASIDs that are attached. */
  #attached = 0;

  /** @param path - name of the device, for error messages */
  constructor(path: string, profile: Profile, host: DmaLimits, faults: Faults) {
    const limits = new Limits(host);
    super(path, ioas(profile, limits), limits, faults);
    this.#path = path;
    this.#limits = limits;
  }

  /** Attaches a PASID. @throws VfioError EADDRINUSE, EBADF */
  attach(): void {
    if (this.isMapped(LAST_IOVA + 1n, U64_MAX)) fail('EADDRINUSE', 'IOMMU_HWPT_ALLOC');
    this.#attached++;
    this.#setEnd(LAST_IOVA);
  }

  detach(): void {
    if (--this.#attached === 0) this.#setEnd(U64_MAX);
  }

  override close(): void {
    if (this.#attached > 0) {
      throw new VfioError({ code: 'EBUSY', syscall: 'IOMMU_DESTROY', path: this.#path });
    }
    super.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #setEnd(end: bigint): void {
    this.#limits.ranges = [{ start: 0n, end }];
  }
}
