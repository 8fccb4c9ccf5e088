/** Why a transfer failed. */
export type DmaFaultReason = 'not mapped' | 'not permitted' | 'no bus master' | 'no such PASID';

/** A DMA transfer that the IOMMU blocked, or that a device tried without bus mastering. */
export class DmaFault extends Error {
  override readonly name = 'DmaFault';
  /** The first address that was not transferred. */
  readonly address: bigint;
  readonly reason: DmaFaultReason;

  constructor(address: bigint, reason: DmaFaultReason) {
    super(`DMA at 0x${address.toString(16)}: ${reason}`);
    this.address = address;
    this.reason = reason;
  }
}
